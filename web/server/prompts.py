"""Routes that run prompts: submit, interrupt, give memory back."""

import asyncio
import time

from aiohttp import web

from engine.graph.problems import Problem
from engine.graph.validation import Validation
from engine.queue.job import DuplicateJob, Submission
from web.server import plan
from web.server.answers import Refused, answer, read_object, refuse
from web.server.checking import check
from web.server.keys import DISPATCHER, HUB, RECALL, STORE
from web.server.prompt_body import PromptBody, read_prompt_body
from web.server.recall import SMALL


async def submit(request: web.Request) -> web.Response:
    """``POST /prompt``: validate, store, answer. What is answered with 200 is not lost.

    With ``"dry_run": true`` nothing is stored, and the answer is that of ``POST /plan``.
    """
    asked = await read_prompt_body(request)
    if asked.dry_run:
        return await plan.answer_plan(request.app, asked)
    dispatcher, store = request.app[DISPATCHER], request.app[STORE]
    if dispatcher.trouble is not None:
        refuse(503, "worker_unavailable", dispatcher.trouble)
    checked = await check(request.app, asked)
    if checked.error is not None:
        raise Refused(400, checked.error, checked.node_errors)
    try:
        number = await store.accept(*await _submission(request.app, asked, checked))
    except DuplicateJob as error:
        raise Refused(409, Problem("duplicate_prompt_id", str(error)), {}) from error
    dispatcher.wake()
    request.app[HUB].queue_changed(store.remaining)
    return answer(
        {"prompt_id": asked.prompt_id, "number": number, "node_errors": checked.node_errors}
    )


async def _submission(
    app: web.Application, asked: PromptBody, checked: Validation
) -> tuple[Submission, int]:
    graph, write = checked.graph, app[RECALL].write
    body = write(graph) if len(graph) <= SMALL else await asyncio.to_thread(write, graph)
    created_ms = time.time_ns() // 1_000_000
    job = Submission(
        asked.prompt_id,
        body,
        checked.outputs,
        {**asked.extra, "create_time": created_ms},
        asked.client_id,
        asked.number,
        asked.front,
        graph if len(graph) > SMALL else None,
    )
    return job, created_ms


async def interrupt(request: web.Request) -> web.Response:
    """``POST /interrupt``: stop what runs; with ``prompt_id`` only if it is that."""
    prompt_id = (await read_object(request)).get("prompt_id")
    await request.app[DISPATCHER].interrupt(None if prompt_id is None else str(prompt_id))
    return web.Response()


async def free(request: web.Request) -> web.Response:
    """``POST /free``: give memory back after the prompt that runs now."""
    body = await read_object(request)
    unload, everything = bool(body.get("unload_models")), bool(body.get("free_memory"))
    if unload or everything:
        dispatcher = request.app[DISPATCHER]
        await dispatcher.free(unload_models=unload or everything, free_memory=everything)
    return web.Response()

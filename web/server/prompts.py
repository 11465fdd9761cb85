"""Routes that run prompts: submit, cancel, the queue, the history, memory."""

import asyncio
import math
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from engine.formats.api import PromptError, read_prompt, write_prompt
from engine.graph.problems import Problem
from engine.graph.validation import Validation, validate
from engine.queue.dispatcher import WorkerTrouble
from engine.queue.job import SECRETS, DuplicateJob, Submission
from web.server.answers import Refused, answer, answer_text, read_object, refuse
from web.server.keys import DISPATCHER, FOLDERS, HUB, STORE

_PROMPT_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_MAX_CLIENT_ID = 256


@dataclass(frozen=True, slots=True)
class _Request:
    """The body of ``POST /prompt``, its parts checked one by one, the graph not yet."""

    prompt: Any
    prompt_id: str
    client_id: str | None
    number: float | None
    front: bool
    targets: tuple[str, ...] | None
    extra: dict[str, Any]


async def submit(request: web.Request) -> web.Response:
    """``POST /prompt``: validate, store, answer. What is answered with 200 is not lost."""
    asked = _read(await read_object(request))
    dispatcher, store = request.app[DISPATCHER], request.app[STORE]
    try:
        catalogue = await dispatcher.catalogue()
    except WorkerTrouble as trouble:
        refuse(503, "worker_unavailable", str(trouble))
    if dispatcher.trouble is not None:
        refuse(503, "worker_unavailable", dispatcher.trouble)
    try:
        checked: Validation = await asyncio.to_thread(
            lambda: validate(
                read_prompt(asked.prompt), catalogue, request.app[FOLDERS], asked.targets
            )
        )
    except PromptError as error:
        where = "" if error.node is None else f"Node ID '#{error.node}'"
        raise Refused(400, Problem("invalid_prompt", str(error), where), {}) from error
    if checked.error is not None:
        raise Refused(400, checked.error, checked.node_errors)
    try:
        number = await store.accept(*_submission(asked, checked))
    except DuplicateJob as error:
        raise Refused(409, Problem("duplicate_prompt_id", str(error)), {}) from error
    dispatcher.wake()
    request.app[HUB].queue_changed(store.remaining)
    return answer(
        {"prompt_id": asked.prompt_id, "number": number, "node_errors": checked.node_errors}
    )


def _submission(asked: _Request, checked: Validation) -> tuple[Submission, int]:
    created_ms = time.time_ns() // 1_000_000
    job = Submission(
        asked.prompt_id,
        write_prompt(checked.graph),
        checked.outputs,
        {**asked.extra, "create_time": created_ms},
        asked.client_id,
        asked.number,
        asked.front,
    )
    return job, created_ms


def _read(body: Mapping[str, Any]) -> _Request:
    if "prompt" not in body:
        raise Refused(400, Problem("no_prompt", "No prompt provided", "No prompt provided"), {})
    extra = body.get("extra_data")
    if extra is not None and not isinstance(extra, dict):
        refuse(400, "invalid_extra_data", "extra_data must be a JSON object.")
    extra = {key: value for key, value in (extra or {}).items() if key not in SECRETS}
    client_id = _client_id(body.get("client_id", extra.get("client_id")))
    if client_id is not None:
        extra["client_id"] = client_id
    targets = body.get("partial_execution_targets")
    if targets is not None and not isinstance(targets, list):
        refuse(400, "invalid_targets", "partial_execution_targets must be a list of node ids.")
    return _Request(
        body["prompt"],
        _prompt_id(body.get("prompt_id")),
        client_id,
        _number(body.get("number")),
        bool(body.get("front")),
        None if targets is None else tuple(str(target) for target in targets),
        extra,
    )


def _prompt_id(given: Any) -> str:
    if given is None:
        return str(uuid.uuid4())
    if not isinstance(given, (str, int)) or not _PROMPT_ID.fullmatch(str(given)):
        refuse(
            400,
            "invalid_prompt_id",
            "prompt_id must be letters, digits, '-' and '_', at most 128 of them, such as a UUID.",
        )
    return str(given)


def _client_id(given: Any) -> str | None:
    if given is not None and (not isinstance(given, str) or len(given) > _MAX_CLIENT_ID):
        limit = f"of at most {_MAX_CLIENT_ID} characters"
        refuse(400, "invalid_client_id", f"client_id must be a text {limit}.")
    return given


def _number(given: Any) -> float | None:
    if given is None:
        return None
    try:
        number = float(given)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        refuse(400, "invalid_number", "number must be a finite number; smaller ones run first.")
    return number


async def remaining(request: web.Request) -> web.Response:
    """``GET /prompt``."""
    return answer({"exec_info": {"queue_remaining": request.app[STORE].remaining}})


async def get_queue(request: web.Request) -> web.Response:
    """``GET /queue``, in running order."""
    listing = await request.app[STORE].queue()
    return answer_text(listing.to_json())


async def post_queue(request: web.Request) -> web.Response:
    """``POST /queue``: drop pending prompts, all or by id."""
    clear, ids = await _clear_or_delete(request)
    store = request.app[STORE]
    removed = await store.remove_pending() if clear else 0
    removed += await store.remove_pending(ids) if ids else 0
    if removed:
        request.app[HUB].queue_changed(store.remaining)
    return web.Response()


async def get_history(request: web.Request) -> web.Response:
    """``GET /history?max_items=&offset=``."""
    max_items, offset = _whole(request, "max_items"), _whole(request, "offset")
    if offset is not None and offset < 0:
        offset = None
    return answer_text(await request.app[STORE].history(max_items, offset))


async def get_history_entry(request: web.Request) -> web.Response:
    """``GET /history/{id}``: ``{}`` while the prompt is unknown or not finished."""
    return answer_text(await request.app[STORE].history_entry(request.match_info["id"]))


async def post_history(request: web.Request) -> web.Response:
    """``POST /history``: forget finished prompts, all or by id."""
    clear, ids = await _clear_or_delete(request)
    store = request.app[STORE]
    if clear:
        await store.forget()
    if ids:
        await store.forget(ids)
    return web.Response()


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


async def _clear_or_delete(request: web.Request) -> tuple[bool, list[str]]:
    body = await read_object(request)
    ids = body.get("delete") or []
    if not isinstance(ids, list):
        refuse(400, "invalid_request", "'delete' must be a list of prompt ids.")
    return bool(body.get("clear")), [str(job_id) for job_id in ids]


def _whole(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    if not re.fullmatch(r"-?[0-9]{1,9}", text, re.ASCII):
        refuse(400, "invalid_query", f"'{name}' must be a whole number.")
    return int(text)

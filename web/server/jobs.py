"""Routes of jobs: pages of them, one with its details, cancelling.

Their errors are ``{"error": "<text>"}``, as the front ends that use these routes expect.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from engine.queue.cards import STATUS_OF
from engine.queue.job import State
from engine.queue.listings import JobsQuery
from web.server.answers import Refused, answer, answer_text, read_object
from web.server.keys import DISPATCHER, HUB, STORE
from web.server.queries import is_prompt_id, whole

_STATES: Mapping[str, State] = {
    "pending": "pending",
    "in_progress": "running",
    "completed": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
}
_SORTS = ("created_at", "execution_duration")
_ORDERS = ("desc", "asc")


class _BadQuery(ValueError):
    """The text is a sentence for the client."""


async def listing(request: web.Request) -> web.Response:
    """``GET /jobs?status=&workflow_id=&search=&sort_by=&sort_order=&limit=&offset=``."""
    try:
        query = _query(request)
    except _BadQuery as error:
        return _error(400, str(error))
    page = await request.app[STORE].jobs(query)
    return answer_text(page.to_json())


async def one(request: web.Request) -> web.Response:
    """``GET /jobs/{id}``: with its outputs, prompt and attempts."""
    found = await request.app[STORE].job(request.match_info["id"])
    return not_found() if found is None else answer_text(found)


async def ledger(request: web.Request) -> web.Response:
    """``GET /jobs/{id}/ledger``: what each node cost, and why it ran; ``{}`` before its end."""
    found = await request.app[STORE].ledger(request.match_info["id"])
    return not_found() if found is None else answer_text(found)


async def cancel_one(request: web.Request) -> web.Response:
    """``POST /jobs/{id}/cancel``: whether it was pending or running."""
    return answer({"cancelled": await _cancel(request, [request.match_info["id"]])})


async def cancel_some(request: web.Request) -> web.Response:
    """``POST /jobs/cancel`` with ``{"job_ids": [...]}``: whether any was pending or running."""
    try:
        ids = (await read_object(request)).get("job_ids")
    except Refused as refused:
        return _error(refused.status, refused.problem.message)
    if not isinstance(ids, list) or not ids:
        return _error(400, "'job_ids' must be a list of job ids, and not an empty one.")
    bad = [job_id for job_id in ids if not is_prompt_id(job_id)]
    if bad:
        return answer({"error": "Some of the ids are no job ids.", "invalid_ids": bad}, 400)
    return answer({"cancelled": await _cancel(request, list(dict.fromkeys(ids)))})


async def _cancel(request: web.Request, ids: Sequence[str]) -> bool:
    """Cancel what waits and what runs; whether there was anything."""
    store, hub = request.app[STORE], request.app[HUB]
    ends = await asyncio.gather(*(store.cancel(job_id) for job_id in ids))
    for ended in ends:
        if ended is not None:
            hub.queue_changed(store.remaining)
            for event in ended.events:
                hub.event(ended.client_id, event.type, event.data, event.n)
    interrupted = [
        await request.app[DISPATCHER].interrupt(job_id)
        for job_id, ended in zip(ids, ends, strict=True)
        if ended is None
    ]
    return len(interrupted) < len(ids) or any(interrupted)


def _query(request: web.Request) -> JobsQuery:
    words = [word.strip() for word in request.query.get("status", "").split(",")]
    statuses = [word for word in words if word]
    if not set(statuses) <= set(_STATES):
        raise _BadQuery(f"status must be some of {', '.join(STATUS_OF.values())}.")
    sort_by = _one_of(request, "sort_by", _SORTS)
    ascending = _one_of(request, "sort_order", _ORDERS) == "asc"
    limit, offset = _number(request, "limit", 1), _number(request, "offset", 0)
    return JobsQuery(
        tuple(_STATES[status] for status in statuses),
        request.query.get("workflow_id"),
        request.query.get("search", ""),
        sort_by == "execution_duration",
        ascending,
        limit,
        offset or 0,
    )


def _one_of(request: web.Request, name: str, choices: Sequence[str]) -> str:
    """A word of the query, the first of ``choices`` if there is none."""
    word = request.query.get(name, choices[0])
    if word not in choices:
        raise _BadQuery(f"{name} must be {' or '.join(choices)}.")
    return word


def _number(request: web.Request, name: str, least: int) -> int | None:
    try:
        number = whole(request, name)
    except Refused as refused:
        raise _BadQuery(refused.problem.message) from refused
    if number is not None and number < least:
        raise _BadQuery(f"{name} must be at least {least}.")
    return number


def not_found() -> web.Response:
    return _error(404, "Job not found")


def _error(status: int, text: str) -> web.Response:
    body: dict[str, Any] = {"error": text}
    return answer(body, status)

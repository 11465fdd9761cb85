"""Routes of the queue: what waits, dropping it, its order, and pausing it."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from engine.queue.moves import CannotMove, Side
from web.server.answers import answer, answer_text, read_object, refuse
from web.server.keys import DISPATCHER, HUB, STORE
from web.server.queries import clear_or_delete, number_of

_SIDES: tuple[Side, Side] = ("before", "after")


async def remaining(request: web.Request) -> web.Response:
    """``GET /prompt``: the length of the queue, and ``paused`` while it is."""
    store = request.app[STORE]
    paused = {"paused": True} if store.paused else {}
    return answer({"exec_info": {"queue_remaining": store.remaining, **paused}})


async def get_queue(request: web.Request) -> web.Response:
    """``GET /queue``, in running order."""
    listing = await request.app[STORE].queue()
    return answer_text(listing.to_json())


async def post_queue(request: web.Request) -> web.Response:
    """``POST /queue``: drop pending prompts, all or by id."""
    clear, ids = await clear_or_delete(request)
    store = request.app[STORE]
    removed = await store.remove_pending() if clear else 0
    removed += await store.remove_pending(ids) if ids else 0
    if removed:
        request.app[HUB].queue_changed(store.remaining)
    return web.Response()


async def pause(request: web.Request) -> web.Response:
    """``POST /queue/pause``: start nothing more; what runs goes on. Outlives the server."""
    return await _pause(request, paused=True)


async def resume(request: web.Request) -> web.Response:
    """``POST /queue/resume``."""
    return await _pause(request, paused=False)


async def _pause(request: web.Request, *, paused: bool) -> web.Response:
    await read_object(request)
    store = request.app[STORE]
    await store.pause(paused=paused)
    request.app[DISPATCHER].wake()
    request.app[HUB].queue_changed(store.remaining)
    return answer({"paused": store.paused})


async def move(request: web.Request) -> web.Response:
    """``POST /queue/move``: ``{"id", "before": id}``, ``{"id", "after": id}`` or
    ``{"id", "number": number}``; the answer is ``{"id", "number"}``, its number from now on.
    """
    body = await read_object(request)
    job_id = body.get("id")
    if not isinstance(job_id, str):
        refuse(400, "invalid_request", "'id' must be the id of a pending prompt.")
    to = _place(body)
    store = request.app[STORE]
    try:
        number = await store.move(job_id, to)
    except CannotMove as error:
        refuse(409, "cannot_move", str(error))
    request.app[DISPATCHER].wake()
    request.app[HUB].queue_changed(store.remaining)
    return answer({"id": job_id, "number": number})


def _place(body: Mapping[str, Any]) -> float | tuple[Side, str]:
    """Where to, of which a body must say exactly one thing."""
    given = [name for name in (*_SIDES, "number") if name in body]
    if len(given) != 1:
        refuse(400, "invalid_request", "Give one of 'before', 'after' (ids) and 'number'.")
    if given == ["number"]:
        number = number_of(body["number"])
        if number is None:
            refuse(400, "invalid_number", "number must not be null.")
        return number
    side = _SIDES[given == ["after"]]
    if not isinstance(body[side], str):
        refuse(400, "invalid_request", f"'{side}' must be the id of a pending prompt.")
    return side, body[side]

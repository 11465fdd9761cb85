"""The events of one job as a stream of server-sent events, from its first or from any number on.

A stream ends with its job. What is stored is sent (``replay.py``), so a client that was away misses
nothing; progress and previews are not stored, and come by websocket only.
"""

import asyncio
import re

from aiohttp import web

from engine.queue.job import StoredEvent
from engine.queue.jsontext import dumps
from engine.queue.keeper import Keeper
from web.server.guard import add_headers
from web.server.jobs import not_found
from web.server.keys import HUB, OPTIONS, STORE

_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)  # what SQLite's integers hold
# Proxies and browsers give up connections on which nothing is said.
_HEARTBEAT_SECONDS = 15.0
_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
}


async def events(request: web.Request) -> web.StreamResponse:
    """``GET /jobs/{id}/events``, after ``Last-Event-ID`` or ``?since=`` if one is given.

    Each event is ``id: <number>`` and ``data: {"type", "data"}``. 204, at which browsers stop to
    ask again, when the job has ended and there is nothing more to tell.
    """
    store, job_id = request.app[STORE], request.match_info["id"]
    since = _since(request)
    known = await store.events_of(job_id, since)
    if known is None:
        return not_found()
    found, over = known
    if over and not found:
        return web.Response(status=204)
    response = web.StreamResponse(headers=_HEADERS)
    add_headers(request, response, request.app[OPTIONS])
    await response.prepare(request)
    if request.method != "HEAD":
        with request.app[HUB].streaming():
            await _tell(response, store, job_id, since)
    await response.write_eof()
    return response


async def _tell(response: web.StreamResponse, store: Keeper, job_id: str, since: int) -> None:
    """Write events until there are no more."""
    with store.listening(job_id) as bell:
        while (known := await store.events_of(job_id, since)) is not None:
            found, over = known
            if found:
                since = found[-1].n
                await response.write("".join(map(_lines, found)).encode())
            if over:
                return
            await _next_news(response, bell)


async def _next_news(response: web.StreamResponse, bell: asyncio.Event) -> None:
    """Wait for the bell, giving signs of life meanwhile."""
    while True:
        try:
            await asyncio.wait_for(bell.wait(), _HEARTBEAT_SECONDS)
        except TimeoutError:
            await response.write(b": still waiting\n\n")
        else:
            bell.clear()
            return


def _lines(event: StoredEvent) -> str:
    # Types come from nodes too, so they go where no character can end a line: into the JSON.
    return f'id: {event.n}\ndata: {{"type":{dumps(event.type)},"data":{event.data}}}\n\n'


def _since(request: web.Request) -> int:
    given = request.headers.get("Last-Event-ID") or request.query.get("since", "")
    return int(given) if _NUMBER.fullmatch(given) else 0

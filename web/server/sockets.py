"""The websocket route: greeting, what a client that comes late must know, feature flags."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from aiohttp import WSMsgType, web

from web.server.answers import refuse
from web.server.frames import Sender
from web.server.hub import Client, message, status, text_message
from web.server.keys import DISPATCHER, FEATURES, HUB, STORE

_MAX_ID = 256
_PING_SECONDS = 30
_MAX_DIGITS = 19  # what SQLite's integers hold


async def websocket(request: web.Request) -> web.WebSocketResponse:
    """``GET /ws?clientId=&since=``."""
    sid = request.query.get("clientId") or uuid.uuid4().hex
    if len(sid) > _MAX_ID:
        refuse(400, "invalid_client_id", f"The clientId is longer than {_MAX_ID} characters.")
    socket = web.WebSocketResponse(heartbeat=_PING_SECONDS, max_msg_size=2**20, compress=False)
    if not socket.can_prepare(request):
        refuse(400, "no_websocket", "This address speaks websocket only.")
    await socket.prepare(request)
    if request.transport is None:
        return socket  # the client has gone already
    client = Client(sid, socket, Sender(socket, request.transport))
    hub = request.app[HUB]
    hub.join(client)
    try:
        await _greet(request, client)
        client.start()
        client.notify()
        await _read(request, client, socket)
    finally:
        hub.leave(client)
    return socket


async def _greet(request: web.Request, client: Client) -> None:
    """Put what a newcomer must know before what has been happening since it was let in."""
    store, so_far = request.app[STORE], request.app[DISPATCHER].so_far(client.sid)
    greeting = [status(store.remaining, client.sid, paused=store.paused)]
    greeting += [text_message(event.type, event.text) for event in so_far]
    since = request.query.get("since", "")
    if since.isdecimal() and len(since) < _MAX_DIGITS:
        missed = await store.events_after(client.sid, int(since))
        greeting[1:] = [text_message(event.type, event.data, event.n) for event in missed]
        if missed:
            client.outbox.drop_through(missed[-1].n)
    client.outbox.put_first(greeting)


async def _read(request: web.Request, client: Client, socket: web.WebSocketResponse) -> None:
    """Only a first message with feature flags means anything."""
    first = True
    async for frame in socket:
        if first and frame.type is WSMsgType.TEXT:
            flags = _flags(frame.data)
            if flags is not None:
                client.flags = flags
                client.outbox.put(message("feature_flags", request.app[FEATURES]))
                client.notify()
        first = False


def _flags(text: str) -> Mapping[str, Any] | None:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or said.get("type") != "feature_flags":
        return None
    flags = said.get("data")
    return flags if isinstance(flags, dict) else None

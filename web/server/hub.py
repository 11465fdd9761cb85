"""Who is connected by websocket, and who hears what.

Messages about a job go to the client that sent it, the length of the queue to everybody. Only the
event loop's thread comes here.
"""

import asyncio
import contextlib
import json
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aiohttp import WSCloseCode, web

from engine.queue.jsontext import dumps
from web.server.frames import Sender
from web.server.outbox import Outbox

_JPEG, _PNG = 1, 2
_PLAIN_PREVIEW, _PREVIEW_WITH_METADATA = 1, 4


class Client:
    """One connected socket. Its own task does the sending, so that nobody waits for a slow one."""

    def __init__(self, sid: str, socket: web.WebSocketResponse, sender: Sender) -> None:
        self.sid = sid
        self.flags: Mapping[str, Any] = {}
        self.outbox = Outbox()
        self._socket = socket
        self._sender = sender
        self._something = asyncio.Event()
        self._sending: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[bool] | None = None

    def start(self) -> None:
        """Begin to send, unless it was stopped meanwhile."""
        if self._closing is None:
            self._sending = asyncio.create_task(self._send_forever(), name=f"socket-{self.sid}")

    def notify(self) -> None:
        """Something was put into the outbox."""
        self._something.set()
        if self.outbox.overflowing:
            self.stop()

    def stop(self) -> None:
        """Send no more, and close the socket. Does not wait."""
        if self._sending is not None:
            self._sending.cancel()
        if self._closing is None:
            self._closing = asyncio.create_task(self._socket.close(code=WSCloseCode.GOING_AWAY))

    async def _send_forever(self) -> None:
        # When the connection has gone, the reading side ends and with it this client.
        with contextlib.suppress(ConnectionError):
            while True:
                await self._something.wait()
                self._something.clear()
                while messages := self.outbox.pop_some():
                    await self._sender.send(messages)


class Hub:
    """The connected clients by id: one live socket each, a newer one replaces the older.

    ``paused`` says whether the queue is.
    """

    def __init__(self, paused: Callable[[], bool]) -> None:
        self._paused = paused
        self._clients: dict[str, Client] = {}
        self._streams: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._clients)

    def join(self, client: Client) -> None:
        older = self._clients.get(client.sid)
        self._clients[client.sid] = client
        if older is not None:
            older.stop()

    def leave(self, client: Client) -> None:
        """Forget a socket that has ended, unless a newer one has taken its place."""
        client.stop()
        if self._clients.get(client.sid) is client:
            del self._clients[client.sid]

    def close(self) -> None:
        for client in list(self._clients.values()):
            client.stop()
        for stream in self._streams:
            stream.cancel()

    @contextlib.contextmanager
    def streaming(self) -> Iterator[None]:
        """The current task is an answer without an end; ``close`` ends it."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("answers are sent by tasks of the event loop")
        self._streams.add(task)
        try:
            yield
        finally:
            self._streams.discard(task)

    def event(self, client_id: str | None, type_: str, text: str, n: int) -> None:
        """Tell the client of a job about it. Without one only an interruption is news to others.

        ``text`` is the event's data as JSON.
        """
        if client_id is None:
            if type_ == "execution_interrupted":
                self._broadcast(text_message(type_, text))
            return
        client = self._clients.get(client_id)
        if client is None:
            return
        if type_ == "progress_state":
            client.outbox.put_progress(text_message(type_, text))
        elif type_ == "progress":
            key = (type_, json.loads(text).get("node"))
            client.outbox.put_latest(key, text_message(type_, text))
        else:
            client.outbox.put(text_message(type_, text, n), n)
        client.notify()

    def preview(self, client_id: str | None, data: Mapping[str, Any], image: bytes) -> None:
        client = None if client_id is None else self._clients.get(client_id)
        if client is not None:
            new_form = bool(client.flags.get("supports_preview_metadata"))
            frame = preview_frame(data, image, with_metadata=new_form)
            client.outbox.put_latest(("preview", data.get("node_id")), frame)
            client.notify()

    def queue_changed(self, remaining: int) -> None:
        self._broadcast(status(remaining, paused=self._paused()))

    def _broadcast(self, text: str) -> None:
        for client in self._clients.values():
            client.outbox.put(text)
            client.notify()


def message(type_: str, data: Any) -> str:
    """A text frame."""
    return text_message(type_, dumps(data))


def text_message(type_: str, text: str, n: int = 0) -> str:
    """A text frame of data that is JSON already.

    ``n`` lets a client that was away ask for what came after (``/ws?since=n``).
    """
    number = f',"n":{n}' if n else ""
    name = f'"{type_}"' if type_.isidentifier() and type_.isascii() else dumps(type_)
    return f'{{"type":{name},"data":{text}{number}}}'


def status(remaining: int, sid: str | None = None, *, paused: bool) -> str:
    """The ``status`` message; with ``sid`` it tells a new client its id."""
    info = {"queue_remaining": remaining, **({"paused": True} if paused else {})}
    data: dict[str, Any] = {"status": {"exec_info": info}}
    return message("status", data if sid is None else {**data, "sid": sid})


def preview_frame(data: Mapping[str, Any], image: bytes, *, with_metadata: bool) -> bytes:
    """A binary preview: with metadata for clients that announced it, else the old form."""
    if with_metadata:
        text = dumps(data).encode()
        return struct.pack(">II", _PREVIEW_WITH_METADATA, len(text)) + text + image
    format_ = _PNG if data.get("image_type") == "image/png" else _JPEG
    return struct.pack(">II", _PLAIN_PREVIEW, format_) + image

"""Several websocket messages as one write to the socket.

A small prompt has a dozen messages that come almost at once. Sent one by one each is a call of the
system and a wake-up of the client, which together take longer than the prompt.
"""

import asyncio
import struct

from aiohttp import web

_FINAL = 0x80
_TEXT, _BINARY = 0x1, 0x2


class Sender:
    """Sends on an open server socket that does not compress."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport) -> None:
        self._socket = socket
        self._transport = transport

    async def send(self, messages: list[str | bytes]) -> None:
        """Send messages in their order; waits while the client is slow.

        Raises:
            ConnectionError: the connection has gone.
        """
        if self._transport.is_closing() or self._transport.get_write_buffer_size():
            await self._wait_for_room(messages)
        else:
            self._transport.write(b"".join(map(frame, messages)))

    async def _wait_for_room(self, messages: list[str | bytes]) -> None:
        """The client is behind, or gone: the socket's own way waits for it, or says so."""
        for message in messages:
            if isinstance(message, str):
                await self._socket.send_str(message)
            else:
                await self._socket.send_bytes(message)


def frame(message: str | bytes) -> bytes:
    """An unmasked frame of one whole message (RFC 6455, 5.2)."""
    payload = message.encode() if isinstance(message, str) else message
    first = _FINAL | (_TEXT if isinstance(message, str) else _BINARY)
    if len(payload) < 126:
        return bytes((first, len(payload))) + payload
    if len(payload) < 1 << 16:
        return struct.pack(">BBH", first, 126, len(payload)) + payload
    return struct.pack(">BBQ", first, 127, len(payload)) + payload

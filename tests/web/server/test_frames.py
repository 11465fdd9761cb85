"""Websocket frames as one write: a client reads them as if they had been sent one by one."""

import asyncio

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from web.server.frames import Sender

MANY = ["", "a", "ä" * 62, "b" * 125, "c" * 126, "d" * 65_535, "e" * 65_536, b"", b"\x00" * 70_000]


async def heard(batches: list[list[str | bytes]], *, late: bool = False) -> list[str | bytes]:
    """What a client gets of batches; a ``late`` one begins to read when all of them are sent."""
    sent = asyncio.Event()

    async def handler(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        assert request.transport is not None
        sender = Sender(socket, request.transport)
        for batch in batches:
            await sender.send(batch)
        sent.set()
        await socket.close()
        return socket

    app = web.Application()
    app.router.add_get("/", handler)
    async with TestClient(TestServer(app)) as client:
        socket = await client.ws_connect("/", max_msg_size=0)
        if late:
            await sent.wait()
        return [message.data async for message in socket]


@pytest.mark.parametrize("late", [False, True])
async def test_messages_come_whole_and_in_order(late: bool):
    assert await heard([MANY, ["x"], MANY[::-1]], late=late) == [*MANY, "x", *MANY[::-1]]


async def test_a_slow_client_is_waited_for_and_gets_everything():
    batches: list[list[str | bytes]] = [[f"{n}", "x" * 100_000] for n in range(200)]
    assert await heard(batches) == [message for batch in batches for message in batch]


async def test_a_client_that_has_gone_is_an_error():
    gone = asyncio.get_running_loop().create_future()

    async def handler(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        transport = request.transport
        assert transport is not None
        transport.abort()
        try:
            await Sender(socket, transport).send(["a", "b"])
        except ConnectionError as error:
            gone.set_result(error)
        return socket

    app = web.Application()
    app.router.add_get("/", handler)
    async with TestClient(TestServer(app)) as client:
        socket = await client.ws_connect("/")
        assert (await socket.receive()).type is not aiohttp.WSMsgType.TEXT
        assert isinstance(await gone, ConnectionError)

"""The websocket: greeting, order, who hears what, previews, reconnecting."""

import asyncio
import json
import struct
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.web.server.serving import PATIENCE, Server, chain

NEW = {"supports_preview_metadata": True}


class Socket:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.raw = socket

    async def hear(self) -> Any:
        """The next message: ``{type, data}`` or bytes."""
        message = await self.raw.receive(PATIENCE)
        if message.type is aiohttp.WSMsgType.TEXT:
            return json.loads(message.data)
        assert message.type is aiohttp.WSMsgType.BINARY, message
        return message.data

    async def announce(self, flags: dict[str, Any]) -> Any:
        await self.raw.send_str(json.dumps({"type": "feature_flags", "data": flags}))
        while (message := await self.hear())["type"] != "feature_flags":
            pass
        return message["data"]

    async def until_done(self, prompt_id: str) -> list[Any]:
        """All messages up to ``executing`` with ``node: null``, included."""
        heard = []
        while not heard or not _is_end(heard[-1], prompt_id):
            heard.append(await self.hear())
        return heard


def _is_end(message: Any, prompt_id: str) -> bool:
    end = {"node": None, "prompt_id": prompt_id}
    return isinstance(message, dict) and message["data"] == end


@asynccontextmanager
async def connected(server: Server, sid: str, query: str = "") -> AsyncIterator[Socket]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{server.address}/ws?clientId={sid}{query}") as socket,
    ):
        yield Socket(socket)


@pytest.fixture
def sid() -> str:
    return uuid.uuid4().hex


def types(heard: list[Any]) -> list[str]:
    """Types of text messages without those whose number depends on time."""
    steady = [
        m for m in heard if isinstance(m, dict) and m["type"] not in ("status", "progress_state")
    ]
    return [m["type"] for m in steady]


async def test_the_first_message_is_the_status_with_the_sid(server: Server, sid: str):
    async with connected(server, sid) as socket:
        status = {"status": {"exec_info": {"queue_remaining": 0}}, "sid": sid}
        assert await socket.hear() == {"type": "status", "data": status}


async def test_a_client_without_an_id_gets_one(server: Server):
    async with connected(server, "") as socket:
        sid = (await socket.hear())["data"]["sid"]
        assert len(sid) == 32
        assert int(sid, 16) >= 0


async def test_feature_flags_are_answered_when_they_come_first(server: Server, sid: str):
    async with connected(server, sid) as socket:
        flags = await socket.announce(NEW)
        assert flags == server.get("/features").json
        assert flags["supports_preview_metadata"] is True
        assert flags["max_upload_size"] == 32 * 2**20


async def test_a_run_is_told_in_order(server: Server, sid: str):
    async with connected(server, sid) as socket:
        await socket.hear()
        submit = asyncio.to_thread(
            server.submit, chain("ToySlow", value=1001, steps=2), client_id=sid
        )
        prompt_id = await submit
        heard = await socket.until_done(prompt_id)
    assert types(heard) == [
        "execution_start",
        "execution_cached",
        "executing",
        "executing",
        "progress",
        "progress",
        "executing",
        "executed",
        "execution_success",
        "executing",
    ]
    by_type = {m["type"]: m["data"] for m in heard if isinstance(m, dict)}
    executed = {"node": "3", "display_node": "3", "output": {"text": ["1001"]}}
    assert by_type["executed"] == {**executed, "prompt_id": prompt_id}
    assert by_type["progress"] == {"value": 2, "max": 2, "prompt_id": prompt_id, "node": "2"}
    assert by_type["execution_start"]["timestamp"] > 1_600_000_000_000
    assert heard[-2]["type"] == "status", "the queue is shorter before the last message"
    state = {}
    for message in heard:
        if isinstance(message, dict) and message["type"] == "progress_state":
            state.update(message["data"]["nodes"])
    assert {node["state"] for node in state.values()} == {"finished"}


async def test_the_history_is_readable_at_the_last_message(server: Server, sid: str):
    async with connected(server, sid) as socket:
        prompt_id = await asyncio.to_thread(server.submit, chain(value=1002), client_id=sid)
        await socket.until_done(prompt_id)
        entry = await asyncio.to_thread(server.get, f"/history/{prompt_id}")
    assert entry.json[prompt_id]["status"]["completed"] is True


async def test_errors_end_with_the_same_last_message(server: Server, sid: str):
    async with connected(server, sid) as socket:
        prompt_id = await asyncio.to_thread(server.submit, chain("ToyFail"), client_id=sid)
        heard = await socket.until_done(prompt_id)
    error = next(m["data"] for m in heard if m["type"] == "execution_error")
    assert {k: type(v) for k, v in error.items()} == {
        "prompt_id": str,
        "node_id": str,
        "node_type": str,
        "executed": list,
        "exception_message": str,
        "exception_type": str,
        "traceback": list,
        "current_inputs": dict,
        "current_outputs": list,
        "timestamp": int,
    }


async def test_others_hear_only_of_the_queue(server: Server, sid: str):
    async with connected(server, sid) as mine, connected(server, uuid.uuid4().hex) as other:
        prompt_id = await asyncio.to_thread(server.submit, chain(value=1003), client_id=sid)
        await mine.until_done(prompt_id)
        await other.announce({})  # what was sent before has been heard
        # A prompt of nobody's: again only its length is news.
        anonymous = await asyncio.to_thread(server.submit, chain(value=1004))
        await asyncio.to_thread(server.finished, anonymous)
        lengths = [(await other.hear()) for _ in range(2)]
    assert {m["type"] for m in lengths} == {"status"}


async def test_everybody_hears_that_the_queue_is_paused(server: Server, sid: str):
    paused = {"queue_remaining": 0, "paused": True}
    async with connected(server, sid) as socket:
        await socket.hear()
        await asyncio.to_thread(server.post, "/queue/pause")
        try:
            assert (await socket.hear())["data"] == {"status": {"exec_info": paused}}
            async with connected(server, f"{sid}-late") as late:
                assert (await late.hear())["data"]["status"]["exec_info"] == paused
        finally:
            await asyncio.to_thread(server.post, "/queue/resume")
        assert (await socket.hear())["data"] == {"status": {"exec_info": {"queue_remaining": 0}}}


async def test_a_client_hears_that_its_waiting_prompt_was_cancelled(
    server: Server, sid: str, gate: Path
):
    await asyncio.to_thread(server.submit, chain("ToyGate", file=str(gate)))
    async with connected(server, sid) as socket:
        prompt_id = await asyncio.to_thread(server.submit, chain(value=1012), client_id=sid)
        await asyncio.to_thread(server.post, f"/jobs/{prompt_id}/cancel")
        heard = await socket.until_done(prompt_id)
    assert types(heard) == ["execution_interrupted", "executing"]
    async with connected(server, sid, f"&since={heard[-1]['n'] - 2}") as socket:
        assert types(await socket.until_done(prompt_id)) == types(heard)


async def test_previews_without_flags_have_the_old_form(server: Server, sid: str):
    async with connected(server, sid) as socket:
        prompt_id = await asyncio.to_thread(
            server.submit, chain("ToySlow", value=1005, steps=1), client_id=sid
        )
        frames = [m for m in await socket.until_done(prompt_id) if isinstance(m, bytes)]
    assert [struct.unpack(">II", frame[:8]) for frame in frames] == [(1, 1)]
    assert frames[0][8:].startswith(b"\xff\xd8\xff")


async def test_previews_with_flags_carry_metadata(server: Server, sid: str):
    async with connected(server, sid) as socket:
        await socket.announce(NEW)
        prompt_id = await asyncio.to_thread(
            server.submit, chain("ToySlow", value=1006, steps=1), client_id=sid
        )
        frames = [m for m in await socket.until_done(prompt_id) if isinstance(m, bytes)]
    assert len(frames) == 1
    kind, length = struct.unpack(">II", frames[0][:8])
    assert kind == 4
    assert json.loads(frames[0][8 : 8 + length]) == {
        "node_id": "2",
        "prompt_id": prompt_id,
        "display_node_id": "2",
        "parent_node_id": None,
        "real_node_id": "2",
        "image_type": "image/jpeg",
    }
    assert frames[0][8 + length :].startswith(b"\xff\xd8\xff")


async def test_a_prompt_can_refuse_previews(server: Server, sid: str):
    async with connected(server, sid) as socket:
        prompt = chain("ToySlow", value=1007)
        no_previews = {"preview_method": "none"}
        prompt_id = await asyncio.to_thread(
            server.submit, prompt, client_id=sid, extra_data=no_previews
        )
        heard = await socket.until_done(prompt_id)
    assert not [m for m in heard if isinstance(m, bytes)]


async def test_who_reconnects_hears_where_the_run_is(server: Server, sid: str, gate: Path):
    async with connected(server, sid) as first:
        prompt_id = await asyncio.to_thread(
            server.submit, chain("ToyGate", file=str(gate)), client_id=sid
        )
        while (message := await first.hear())["type"] != "executing" or message["data"][
            "node"
        ] != "2":
            pass
    async with connected(server, sid) as second:
        heard = [await second.hear() for _ in range(4)]
        assert [m["type"] for m in heard] == [
            "status",
            "execution_start",
            "progress_state",
            "executing",
        ]
        assert heard[3]["data"] == {"node": "2", "display_node": "2", "prompt_id": prompt_id}
        assert heard[2]["data"]["nodes"]["2"]["state"] == "running"
        gate.touch()
        assert types(await second.until_done(prompt_id))[-1] == "executing"


async def test_a_newer_socket_replaces_the_older_and_outlives_its_end(server: Server, sid: str):
    async with connected(server, sid) as older:
        await older.hear()
        async with connected(server, sid) as newer:
            await newer.hear()
            closed = await older.raw.receive(PATIENCE)
            assert closed.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
            await older.raw.close()
            prompt_id = await asyncio.to_thread(server.submit, chain(value=1008), client_id=sid)
            assert types(await newer.until_done(prompt_id))[0] == "execution_start"


async def test_numbered_events_that_were_missed_can_be_asked_for(server: Server, sid: str):
    async with connected(server, sid) as socket:
        first = await asyncio.to_thread(server.submit, chain(value=1009), client_id=sid)
        last = (await socket.until_done(first))[-1]["n"]
    second = await asyncio.to_thread(server.submit, chain(value=1010), client_id=sid)
    await asyncio.to_thread(server.finished, second)
    async with connected(server, sid, f"&since={last}") as socket:
        heard = await socket.until_done(second)
    assert types(heard)[0] == "execution_start"
    assert all(m["data"].get("prompt_id") in (None, second) for m in heard)
    numbers = [m["n"] for m in heard if "n" in m]
    assert numbers == sorted(numbers)
    assert numbers[0] > last


@pytest.mark.parametrize(
    "noise", ["", "{", "[1]", '{"type": 5}', '{"type":"feature_flags"}', "[" * 9999]
)
async def test_noise_is_ignored(server: Server, sid: str, noise: str):
    async with connected(server, sid) as socket:
        await socket.raw.send_str(noise)
        await socket.raw.send_bytes(b"\0\1")
        prompt_id = await asyncio.to_thread(server.submit, chain(value=1011), client_id=sid)
        assert types(await socket.until_done(prompt_id))[-1] == "executing"

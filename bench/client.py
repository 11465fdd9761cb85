"""A server as a process of its own with the benches' nodes, and a client as any script would be."""

import asyncio
import json
import shutil
import socket
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import psutil

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Told:
    """How one prompt went, as its client saw it.

    Attributes:
        accepted, first, finished: seconds from the start of the POST to its answer, to the first
            event of the prompt, and to its end.
        traffic: bytes of websocket messages.
        outputs: outputs that were told.
    """

    accepted: float
    first: float
    finished: float
    traffic: int
    outputs: int


class Server:
    """A server in ``base``; ``close`` it."""

    def __init__(self, base: Path, *flags: str) -> None:
        packs = base / "custom_nodes"
        packs.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "bench" / "pack" / "trivial.py", packs / "bench_trivial.py")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._process = subprocess.Popen(
            [
                *(sys.executable, "main.py", "--cpu", "--port", str(self.port)),
                *("--base-directory", str(base), *flags),
            ],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
        self.url = f"http://127.0.0.1:{self.port}"

    def memory(self) -> int:
        """Resident bytes of the server and its workers."""
        return sum(self.memory_by_process())

    def memory_by_process(self) -> list[int]:
        """Resident bytes of the server, and then of each of its workers."""
        server = psutil.Process(self._process.pid)
        return [p.memory_info().rss for p in (server, *server.children(recursive=True))]

    async def ready(self, session: aiohttp.ClientSession) -> None:
        """Wait until the worker is up."""
        for _ in range(600):
            try:
                async with session.get(f"{self.url}/system_stats") as answer:
                    if (await answer.json())["devices"]:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.1)
        raise TimeoutError("The server did not come up within a minute.")

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(30)


class Client:
    """One websocket and the prompts sent under its id."""

    def __init__(
        self,
        server: Server,
        session: aiohttp.ClientSession,
        websocket: aiohttp.ClientWebSocketResponse,
        sid: str,
    ) -> None:
        self._server = server
        self._session = session
        self._socket = websocket
        self._sid = sid

    @classmethod
    async def connect(cls, server: Server, session: aiohttp.ClientSession) -> "Client":
        sid = uuid.uuid4().hex
        websocket = await session.ws_connect(
            f"{server.url}/ws?clientId={sid}", max_msg_size=0, compress=0
        )
        return cls(server, session, websocket, sid)

    async def post(self, prompt: dict[str, Any]) -> str:
        body = {"prompt": prompt, "client_id": self._sid}
        async with self._session.post(f"{self._server.url}/prompt", json=body) as answer:
            told = await answer.json()
            if answer.status != 200:
                raise RuntimeError(f"refused: {json.dumps(told)[:500]}")
        return str(told["prompt_id"])

    async def run(self, prompt: dict[str, Any]) -> Told:
        """Send a prompt and listen until it has ended."""
        text = json.dumps({"prompt": prompt, "client_id": self._sid})
        begin = time.perf_counter()
        listening = asyncio.create_task(self._listen(begin))
        async with self._session.post(
            f"{self._server.url}/prompt", data=text, headers={"Content-Type": "application/json"}
        ) as answer:
            accepted = time.perf_counter() - begin
            if answer.status != 200:
                listening.cancel()
                raise RuntimeError(f"refused: {(await answer.text())[:500]}")
        first, finished, traffic, outputs = await listening
        return Told(accepted, first, finished, traffic, outputs)

    async def ends(self, count: int) -> None:
        """Listen until so many prompts of this client have ended."""
        async for message in self._socket:
            if message.type == aiohttp.WSMsgType.TEXT and message.data.startswith(
                '{"type":"executing"'
            ):
                count -= json.loads(message.data)["data"]["node"] is None
                if not count:
                    return
        raise ConnectionError("The websocket closed before all prompts had ended.")

    async def _listen(self, begin: float) -> tuple[float, float, int, int]:
        first, traffic, outputs = 0.0, 0, 0
        async for message in self._socket:
            traffic += len(message.data)
            if message.type != aiohttp.WSMsgType.TEXT or message.data.startswith(
                '{"type":"status"'
            ):
                continue
            first = first or time.perf_counter() - begin
            if message.data.startswith('{"type":"executed"'):
                outputs += 1
            elif message.data.startswith('{"type":"executing"'):
                if json.loads(message.data)["data"]["node"] is None:
                    return first, time.perf_counter() - begin, traffic, outputs
            elif message.data.startswith('{"type":"execution_error"'):
                raise RuntimeError(message.data[:500])
        raise ConnectionError("The websocket closed in the middle of a prompt.")

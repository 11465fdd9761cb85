"""Trivial prompts through a whole server: how long one takes, and how many a second.

    python -m bench.throughput [--prompts 200] [--runs 5]

A server with its worker is started as a process; prompts of two nodes go in over HTTP, and what
comes of them is heard on the websocket. Prints the medians of all runs as JSON:

- ``first_event_ms`` and ``finished_ms``: of one prompt, from before its POST;
- ``per_second``: of ``--prompts`` over a few connections, from the first POST to the last end;
- ``drained_per_second``: of as many that waited in a paused queue, from its resuming to that end.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from bench.start import ROOT, free_port

CLIENT = "bench"
CONNECTIONS = 4
PACK = """
from engine.graph.native import node
from engine.graph.run import Run

@node("BenchNumber", category="bench")
def number(*, value: int = 0) -> int:
    return value

@node("BenchShow", category="bench", output=True)
def show(*, value: int, run: Run) -> None:
    run.show("text", [str(value)])
"""


class Watched:
    """A server that is listened to."""

    def __init__(self, session: aiohttp.ClientSession, socket: Any, address: str) -> None:
        self.session = session
        self.socket = socket
        self.address = address
        self._value = 0

    async def post(self, path: str, body: Any) -> Any:
        async with self.session.post(self.address + path, json=body) as answer:
            assert answer.status == 200, await answer.text()
            return json.loads(await answer.read() or b"null")

    async def submit(self) -> str:
        """Queue a prompt that is like no other."""
        self._value += 1
        prompt = {
            "1": {"class_type": "BenchNumber", "inputs": {"value": self._value}},
            "2": {"class_type": "BenchShow", "inputs": {"value": ["1", 0]}},
        }
        answer = await self.post("/prompt", {"prompt": prompt, "client_id": CLIENT})
        return str(answer["prompt_id"])

    async def submit_many(self, count: int) -> None:
        async def some(share: int) -> None:
            for _ in range(share):
                await self.submit()

        shares = [count // CONNECTIONS] * CONNECTIONS
        shares[0] += count % CONNECTIONS
        await asyncio.gather(*map(some, shares))

    async def until(self, type_: str, count: int = 1) -> float:
        """The time when that many events have come; ``end`` is the last one of a prompt."""
        while count:
            message = await self.socket.receive()
            assert message.type is aiohttp.WSMsgType.TEXT, message
            heard = json.loads(message.data)
            is_end = heard["type"] == "executing" and heard["data"]["node"] is None
            count -= is_end if type_ == "end" else heard["type"] == type_
        return time.perf_counter()


@asynccontextmanager
async def served(base: Path) -> AsyncIterator[Watched]:
    """A server on a free port, its worker up."""
    packs = base / "custom_nodes"
    packs.mkdir(parents=True)
    (packs / "bench.py").write_text(PACK)
    port = free_port()
    command = ["main.py", "--port", str(port), "--base-directory", str(base), "--cpu"]
    server = subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE)
    address = f"http://127.0.0.1:{port}"
    try:
        assert server.stdout is not None
        await asyncio.to_thread(server.stdout.readline)
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{address}/ws?clientId={CLIENT}") as socket,
        ):
            watched = Watched(session, socket, address)
            await watched.submit()
            await watched.until("end")
            yield watched
    finally:
        server.terminate()
        server.wait(30)


async def one(watched: Watched) -> dict[str, float]:
    begin = time.perf_counter()
    posting = asyncio.create_task(watched.submit())
    first = await watched.until("execution_start")
    end = await watched.until("end")
    await posting
    return {"first_event_ms": (first - begin) * 1000, "finished_ms": (end - begin) * 1000}


async def many(watched: Watched, prompts: int) -> dict[str, float]:
    begin = time.perf_counter()
    posting = asyncio.create_task(watched.submit_many(prompts))
    end = await watched.until("end", prompts)
    await posting
    await watched.post("/queue/pause", {})
    await watched.submit_many(prompts)
    resumed = time.perf_counter()
    await watched.post("/queue/resume", {})
    drained = await watched.until("end", prompts)
    return {
        "per_second": prompts / (end - begin),
        "drained_per_second": prompts / (drained - resumed),
    }


async def measure(prompts: int, runs: int) -> dict[str, Any]:
    found: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as base:
        async with served(Path(base)) as watched:
            await many(watched, prompts)  # the first of everything
            for _ in range(runs):
                found.append({**await one(watched), **await many(watched, prompts)})
    return {
        "prompts": prompts,
        "runs": runs,
        "load_before": round(os.getloadavg()[0], 2),
        **{name: round(statistics.median(run[name] for run in found), 2) for name in found[0]},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    print(json.dumps(asyncio.run(measure(options.prompts, options.runs)), indent=2))


if __name__ == "__main__":
    main()

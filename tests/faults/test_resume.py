"""A sampling that is cut off goes on where it was, and gives the picture it would have given."""

import asyncio
import io
import json
import os
import signal
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from PIL import Image

from tests.web.server.serving import Server, children
from tools.readme_pictures import graph

FLAGS = ("--checkpoint-interval", "0", "--cache-disk", "0")
PROMPT = graph("a large red star on a yellow background", 5, (("starter-outline", 0.6),))
STEPS = 20
CUT_OFF_AT = 6


async def steps_of(server: Server, prompt: dict[str, Any], kill_at: int) -> list[list[int]]:
    """Run a prompt and kill its worker at a step; the steps that each attempt told."""
    attempts: list[list[int]] = []
    async with aiohttp.ClientSession() as session:
        address = f"{server.address}/ws?clientId=watcher"
        async with session.ws_connect(address, max_msg_size=0) as socket:
            body = {"prompt": prompt, "client_id": "watcher"}
            async with session.post(f"{server.address}/prompt", json=body) as answer:
                assert answer.status == 200, await answer.text()
            async for message in socket:
                said = json.loads(message.data)
                if said["type"] == "execution_start":
                    attempts.append([])
                if said["type"] == "progress":
                    attempts[-1].append(said["data"]["value"])
                    if len(attempts) == 1 and len(attempts[0]) == kill_at:
                        (worker,) = children(server.process.pid)
                        os.kill(worker, signal.SIGKILL)
                if said["type"] == "executing" and said["data"]["node"] is None:
                    break
    return attempts


def draw(base: Path, kill_at: int = 0) -> tuple[Any, list[list[int]]]:
    base.mkdir()
    server = Server(base, *FLAGS)
    attempts = asyncio.run(steps_of(server, PROMPT, kill_at))
    assert server.stop() == 0
    (path,) = (base / "output").rglob("*.png")
    return np.asarray(Image.open(io.BytesIO(path.read_bytes()))), attempts


def test_the_picture_of_a_killed_sampling_is_the_same(tmp_path: Path):
    expected, attempts = draw(tmp_path / "undisturbed")
    assert attempts == [list(range(1, STEPS + 1))]
    found, (first, second) = draw(tmp_path / "killed", CUT_OFF_AT)
    assert first[-1] < STEPS, "it was killed before its end"
    assert second == list(range(second[0], STEPS + 1))
    assert 1 < second[0] <= first[-1] + 1, "it went on, and did not begin anew"
    assert (found == expected).all()

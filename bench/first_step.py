"""When a full-size SD1.5 file begins to sample: after a POST to a worker that is up, and again.

    python -m bench.first_step [--size 256] [--folder FOLDER]

A step cannot be seen to begin, only to end: the seconds of a step, taken from the steps after it,
are subtracted from the time of the first ``progress``. Prints JSON: ``first`` is the first prompt
of the checkpoint (the file is in the system's memory), ``another_seed`` the prompts after it.
"""

import argparse
import asyncio
import itertools
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp

from bench.client import Server
from bench.full_size import prepared

STEPS = 4
CLIENT = "bench"


def prompt(name: str, size: int, seed: int) -> dict[str, Any]:
    """Text to latent; what comes after the sampler is a preview of its latent's decoding."""

    def node(class_type: str, **inputs: Any) -> dict[str, Any]:
        return {"class_type": class_type, "inputs": inputs}

    sampler = {
        "seed": seed,
        "steps": STEPS,
        "cfg": 5.0,
        "sampler_name": "euler",
        "scheduler": "normal",
        "denoise": 1.0,
    }
    return {
        "c": node("CheckpointLoaderSimple", ckpt_name=name),
        "p": node("CLIPTextEncode", clip=["c", 1], text="a star"),
        "n": node("CLIPTextEncode", clip=["c", 1], text=""),
        "l": node("EmptyLatentImage", width=size, height=size, batch_size=1),
        "k": node(
            "KSampler",
            model=["c", 0],
            positive=["p", 0],
            negative=["n", 0],
            latent_image=["l", 0],
            **sampler,
        ),
        "d": node("VAEDecode", samples=["k", 0], vae=["c", 2]),
        "s": node("PreviewImage", images=["d", 0]),
    }


async def begins(
    session: aiohttp.ClientSession, socket: Any, url: str, body: dict[str, Any]
) -> float:
    """Seconds from the POST to the beginning of the first step."""
    posted = time.perf_counter()
    async with session.post(f"{url}/prompt", json={"prompt": body, "client_id": CLIENT}) as answer:
        assert answer.status == 200, await answer.text()
    ends: list[float] = []
    while True:
        message = await socket.receive()
        assert message.type is aiohttp.WSMsgType.TEXT, message
        heard = json.loads(message.data)
        if heard["type"] == "progress":
            ends.append(time.perf_counter() - posted)
        elif heard["type"] == "execution_error":
            raise RuntimeError(heard["data"]["exception_message"])
        elif heard["type"] == "executing" and heard["data"]["node"] is None:
            return ends[0] - statistics.median(b - a for a, b in itertools.pairwise(ends))


async def everything(base: Path, name: str, size: int) -> dict[str, Any]:
    server = Server(base)
    try:
        async with aiohttp.ClientSession() as session:
            await server.ready(session)
            await asyncio.sleep(15)  # the worker imports the networks' libraries meanwhile
            async with session.ws_connect(f"{server.url}/ws?clientId={CLIENT}") as socket:
                found = [
                    await begins(session, socket, server.url, prompt(name, size, seed))
                    for seed in range(4)
                ]
    finally:
        server.close()
    again = statistics.median(found[1:])
    return {"size": size, "first_s": round(found[0], 3), "another_seed_ms": round(again * 1000, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        checkpoint, _ = prepared(given.folder or Path(temporary), 0)
        base = Path(temporary) / "base"
        models = base / "models" / "checkpoints"
        models.mkdir(parents=True)
        (models / checkpoint.name).hardlink_to(checkpoint)
        print(json.dumps(asyncio.run(everything(base, checkpoint.name, given.size)), indent=2))


if __name__ == "__main__":
    main()

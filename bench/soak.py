"""Whether memory stays flat: many alternating prompts, resident memory of server and worker.

    python -m bench.soak [--prompts 500]

Two kinds of prompts take turns, each time with another seed: a picture by the starter model with
two LoRAs of changing strengths, and a chain of trivial nodes. The cache keeps the last ten prompts
(``--cache-lru 10``), so that what grows is a leak and not a cache that fills. Prints JSON:
megabytes after a fifth of the prompts and after all of them, by process, and their ratio.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import aiohttp

from bench.client import Client, Server
from bench.graphs import Prompt, chain


def picture(seed: int) -> Prompt:
    """The main job at its smallest: 64 x 64, two steps."""
    strength = (seed % 10) / 10

    def lora(source: str, name: str, by: float) -> dict[str, Any]:
        return _node(
            "LoraLoader",
            model=[source, 0],
            clip=[source, 1],
            lora_name=f"starter-{name}.safetensors",
            strength_model=by,
            strength_clip=by,
        )

    sampler = {
        "model": ["3", 0], "seed": seed, "steps": 2, "cfg": 5.0, "sampler_name": "euler",
        "scheduler": "normal", "positive": ["4", 0], "negative": ["5", 0],
        "latent_image": ["6", 0], "denoise": 1.0,
    }  # fmt: skip
    return {
        "1": _node("CheckpointLoaderSimple", ckpt_name="patchbay-starter.safetensors"),
        "2": lora("1", "outline", strength),
        "3": lora("2", "dark", 0.5 - strength),
        "4": _node("CLIPTextEncode", text=f"{seed} green hearts", clip=["3", 1]),
        "5": _node("CLIPTextEncode", text="", clip=["3", 1]),
        "6": _node("EmptyLatentImage", width=64, height=64, batch_size=1),
        "7": _node("KSampler", **sampler),
        "8": _node("VAEDecode", samples=["7", 0], vae=["1", 2]),
        "9": _node("PreviewImage", images=["8", 0]),
    }


def _node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


async def soak(base: Path, prompts: int) -> dict[str, Any]:
    server = Server(base, "--cache-lru", "10", "--cache-disk", "0")
    try:
        async with aiohttp.ClientSession() as session:
            await server.ready(session)
            client = await Client.connect(server, session)
            early: list[list[int]] = []
            late: list[list[int]] = []
            # The last tenth before each mark is looked at: single readings jump with the collector.
            marks = {prompts // 5: early, prompts: late}
            for n in range(prompts):
                await client.run(picture(n) if n % 2 else chain(50, n))
                for mark, readings in marks.items():
                    if mark - prompts // 10 <= n < mark:
                        readings.append(server.memory_by_process())
            return {
                "prompts": prompts,
                "server": _compare(early, late, 0),
                "worker": _compare(early, late, 1),
            }
    finally:
        server.close()


def _compare(early: list[list[int]], late: list[list[int]], which: int) -> dict[str, float]:
    before = statistics.median(reading[which] for reading in early)
    after = statistics.median(reading[which] for reading in late)
    return {
        "mb_after_a_fifth": round(before / 2**20, 1),
        "mb_at_the_end": round(after / 2**20, 1),
        "ratio": round(after / before, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as base:
        print(json.dumps(asyncio.run(soak(Path(base), options.prompts)), indent=2))


if __name__ == "__main__":
    main()

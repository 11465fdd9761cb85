"""Listing a long history: how long the store needs for a page, for all of it, and for a search.

    python -m bench.history [--jobs 10000] [--nodes 20] [--runs 5]

Fills a database with finished jobs of ``--nodes`` nodes each, then prints medians in milliseconds
as JSON. ``all_jobs`` is every job object in one answer, ``page`` the 200 that a front end asks for.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from engine.queue.body import Body
from engine.queue.job import Submission
from engine.queue.listings import JobsQuery
from engine.queue.results import Result
from engine.queue.store import Store

AT_ONCE = 100
ENDED: tuple[Any, ...] = ("completed", "failed", "cancelled")
WORDS = ("castle", "fog", "river", "cat", "green", "hearts", "orange", "diamond", "night", "sea")


def submission(n: int, nodes: int) -> Submission:
    prompt: dict[str, Any] = {
        str(i): {"class_type": "BenchStep", "inputs": {"value": [str(i - 1), 0], "amount": i}}
        for i in range(1, nodes - 2)
    }
    text = f"{WORDS[n % len(WORDS)]} and {WORDS[n // 7 % len(WORDS)]}, number {n}"
    prompt["text"] = {"class_type": "CLIPTextEncode", "inputs": {"text": text}}
    prompt["load"] = {"class_type": "LoraLoader", "inputs": {"lora_name": f"l{n % 50}.safetensors"}}
    prompt["draw"] = {"class_type": "KSampler", "inputs": {"seed": n, "steps": 20}}
    return Submission(f"prompt-{n:06}", Body.of(prompt), ("draw",), {}, "bench")


def result(n: int) -> Result:
    saved = {"filename": f"Patchbay_{n:05}_.png", "subfolder": "", "type": "output"}
    messages = [["execution_start", {}], ["execution_cached", {}], ["execution_success", {}]]
    return Result.of("success", {"draw": {"images": [saved]}}, {"draw": {}}, messages)


async def fill(store: Store, jobs: int, nodes: int) -> None:
    for first in range(0, jobs, AT_ONCE):
        ends = []
        some = range(first, min(first + AT_ONCE, jobs))
        await asyncio.gather(*(store.accept(submission(n, nodes), n) for n in some))
        for n in some:
            claim = await store.claim()
            if claim is not None:
                ends.append(store.finish(claim, result(n)))
        await asyncio.gather(*ends)


async def measure(jobs: int, nodes: int, runs: int, folder: Path) -> dict[str, Any]:
    store = Store(folder / "queue.sqlite")
    await fill(store, jobs, nodes)
    sizes: dict[str, int] = {}

    async def median_ms(name: str, ask: Callable[[], Awaitable[str]]) -> float:
        times = []
        for _ in range(runs):
            before = time.perf_counter()
            sizes[name] = len((await ask()).encode())
            times.append((time.perf_counter() - before) * 1000)
        return round(statistics.median(times), 2)

    def page(**query: Any) -> Callable[[], Awaitable[str]]:
        async def ask() -> str:
            return (await store.jobs(JobsQuery(states=ENDED, **query))).to_json()

        return ask

    asked = {
        "all_jobs": page(),
        "page": page(limit=200),
        "last_page": page(limit=200, offset=jobs - 200),
        "slowest_page": page(limit=200, by_duration=True),
        "search_page": page(limit=200, search="castle lora:l7"),
        "search_many": page(limit=200, search="castle"),
        "history_64": lambda: store.history(64),
        "one_job": lambda: store.history_entry(f"prompt-{jobs // 2:06}"),
    }
    found = {name: await median_ms(name, ask) for name, ask in asked.items()}
    store.close()
    return {"jobs": jobs, "nodes": nodes, "runs": runs, "ms": found, "bytes": sizes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--nodes", type=int, default=20)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asked = measure(options.jobs, options.nodes, options.runs, Path(folder))
        print(json.dumps(asyncio.run(asked), indent=2))


if __name__ == "__main__":
    main()

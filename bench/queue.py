"""The queue's store alone: what one trivial prompt costs from its acceptance to the history.

    python -m bench.queue [--prompts 200] [--runs 5]

Real SQLite with durability on, no server and no worker. Prints medians as JSON:

- ``*_cpu_ms``: processor time of the whole process for each prompt: accepted all at once; claimed;
  and ended with five events and a ledger, a few at a time as workers would;
- ``per_second``: prompts a second through all of that, by the clock;
- ``long_queue_claim_cpu_ms``: a claim while 10,000 wait, of 1 and of 100 clients.
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
from engine.queue.job import Claim, Submission
from engine.queue.results import Result
from engine.queue.store import Store

AT_ONCE = 8
LONG = 10_000
PROMPT = {
    "1": {"class_type": "BenchNumber", "inputs": {"value": 1, "seed": 5}},
    "2": {"class_type": "BenchShow", "inputs": {"value": ["1", 0], "text": "a castle in the fog"}},
}
RESULT = Result.of(
    "success",
    {"2": {"text": ["1"]}},
    {"2": {"node_id": "2", "display_node": "2", "parent_node": None, "real_node_id": "2"}},
    [["execution_start", {}], ["execution_cached", {}], ["execution_success", {}]],
    {"seconds": 0.1, "nodes": {"1": {"class_type": "BenchNumber", "seconds": 0.1}}, "cached": []},
)


def submission(n: int, clients: int = 1) -> Submission:
    return Submission(f"prompt-{n:06}", Body.of(PROMPT), ("2",), {}, f"client-{n % clients}")


async def cpu_ms(count: int, work: Callable[[], Awaitable[None]]) -> float:
    """Milliseconds of processor time for each of ``count``."""
    before = time.process_time()
    await work()
    return (time.process_time() - before) * 1000 / count


async def accept(store: Store, count: int, clients: int = 1) -> None:
    await asyncio.gather(*(store.accept(submission(n, clients), n) for n in range(count)))


async def run_one(prompts: int, folder: Path) -> dict[str, float]:
    store = Store(folder / "queue.sqlite")
    claims: list[Claim] = []

    async def claim() -> None:
        while (found := await store.claim()) is not None:
            claims.append(found)

    async def end() -> None:
        while claims:
            some, claims[:] = claims[:AT_ONCE], claims[AT_ONCE:]
            for one in some:
                for _ in range(5):
                    store.record(one, "executing", '{"node":"1","prompt_id":"prompt"}')
            await asyncio.gather(*(store.finish(one, RESULT) for one in some))

    began = time.perf_counter()
    found = {
        "accept_cpu_ms": await cpu_ms(prompts, lambda: accept(store, prompts)),
        "claim_cpu_ms": await cpu_ms(prompts, claim),
        "finish_cpu_ms": await cpu_ms(prompts, end),
    }
    found["per_second"] = prompts / (time.perf_counter() - began)
    store.close()
    return found


async def long_queue(clients: int, folder: Path) -> float:
    store = Store(folder / f"long-{clients}.sqlite")
    await accept(store, LONG, clients)

    async def claim() -> None:
        for _ in range(100):
            await store.claim()

    found = await cpu_ms(100, claim)
    store.close()
    return found


def measure(prompts: int, runs: int) -> dict[str, Any]:
    found: list[dict[str, float]] = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            found.append(asyncio.run(run_one(prompts, Path(folder))))
    with tempfile.TemporaryDirectory() as folder:
        long = {n: asyncio.run(long_queue(n, Path(folder))) for n in (1, 100)}
    medians = {name: round(statistics.median(r[name] for r in found), 3) for name in found[0]}
    return {
        "prompts": prompts,
        "runs": runs,
        **medians,
        "long_queue_claim_cpu_ms": {str(n): round(ms, 3) for n, ms in long.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    print(json.dumps(measure(options.prompts, options.runs), indent=2))


if __name__ == "__main__":
    main()

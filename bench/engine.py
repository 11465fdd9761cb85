"""Engine overhead: chains of trivial nodes, first run and identical rerun.

    python -m bench.engine [--nodes 1000] [--runs 5]

Prints the median milliseconds of the executor alone (no sockets), and of validation.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from engine.execution.cache import MemoryCache
from engine.execution.executor import Executor
from engine.execution.job import Cancel, Event, Job
from engine.files.folders import Folders
from engine.formats.api import read_prompt, write_prompt
from engine.graph.native import Socket, node
from engine.graph.registry import Registry
from engine.graph.run import Run
from engine.graph.validation import Validation, validate

NUMBER = Annotated[int, Socket("NUMBER")]


@node("BenchStart", category="bench")
def start(*, seed: int = 0) -> NUMBER:
    return seed


@node("BenchStep", category="bench")
def step(*, value: NUMBER, amount: int = 1) -> NUMBER:
    return value + amount


@node("BenchEnd", category="bench", output=True)
def end(*, run: Run, value: NUMBER) -> None:
    run.show("text", [str(value)])


def chain(nodes: int, seed: int) -> dict[str, Any]:
    prompt: dict[str, Any] = {"0": {"class_type": "BenchStart", "inputs": {"seed": seed}}}
    for n in range(1, nodes - 1):
        inputs = {"value": [str(n - 1), 0], "amount": 1}
        prompt[str(n)] = {"class_type": "BenchStep", "inputs": inputs}
    prompt[str(nodes)] = {"class_type": "BenchEnd", "inputs": {"value": [str(nodes - 2), 0]}}
    return prompt


def timed(call: Callable[[], Any]) -> float:
    """Milliseconds."""
    before = time.perf_counter()
    call()
    return (time.perf_counter() - before) * 1000


def measure(nodes: int, runs: int, base: Path) -> dict[str, Any]:
    registry = Registry.of_modules([sys.modules[__name__]])
    folders = Folders(base)
    executor = Executor(registry, folders, {}, MemoryCache(1 << 30), write_prompt)
    events: list[Event] = []

    def check(seed: int) -> Validation:
        return validate(
            read_prompt(chain(nodes, seed)), registry.catalogue, folders, max_nodes=nodes
        )

    def run(seed: int) -> float:
        checked = check(seed)
        job = Job("bench", checked.graph, checked.outputs)
        return timed(lambda: executor.run(job, events.append, Cancel()))

    run(-1)
    first, again, validation = [], [], []
    for seed in range(runs):
        validation.append(timed(lambda seed=seed: check(seed)))  # type: ignore[misc]
        first.append(run(seed))
        again.append(run(seed))
    executor.close()
    return {
        "nodes": nodes,
        "runs": runs,
        "first_ms_per_node": round(statistics.median(first) / nodes, 4),
        "identical_rerun_ms": round(statistics.median(again), 2),
        "read_and_validate_ms": round(statistics.median(validation), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as base:
        print(json.dumps(measure(options.nodes, options.runs, Path(base)), indent=2))


if __name__ == "__main__":
    main()

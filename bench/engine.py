"""Engine overhead: chains of trivial nodes, first run and identical rerun.

    python -m bench.engine [--nodes 1000] [--runs 5]

Prints the median milliseconds of the executor alone (no sockets), and of validation.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.graphs import chain
from bench.pack import trivial
from engine.execution.checkpoints import Checkpoints
from engine.execution.executor import Executor
from engine.execution.job import Cancel, Event, Job
from engine.execution.memory import MemoryCache
from engine.files.folders import Folders
from engine.files.stamps import Stamps
from engine.formats.api import read_prompt, write_prompt
from engine.graph.registry import Registry
from engine.graph.validation import Validation, validate


def timed(call: Callable[[], Any]) -> float:
    """Milliseconds."""
    before = time.perf_counter()
    call()
    return (time.perf_counter() - before) * 1000


def measure(nodes: int, runs: int, base: Path) -> dict[str, Any]:
    registry = Registry.of_modules([trivial])
    folders = Folders(base)
    executor = Executor(
        registry,
        folders,
        {},
        MemoryCache(1 << 30),
        write_prompt,
        Checkpoints(base / "states"),
        Stamps(),
    )
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

"""Seconds per step of a full-size SD1.5 file, beside diffusers' own pipeline in the same run.

    python -m bench.sampling [--sizes 256 512] [--runs 5] [--folder FOLDER]

Three processes load the same random weights and wait: this engine with ``--force-fp32``, this
engine as it is (``auto``), and diffusers' pipeline in float32 as a plain program runs it. They are
asked in turn, so that whatever else the machine does falls on all of them; ratios are of medians.
Prints JSON. A file of 2.1 GB is made in FOLDER (a temporary one by default) unless it is there.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Self

from bench.full_size import REPOSITORY, prepared

SIDES = ("fp32", "auto", "diffusers")
STEPS = 3


class Side:
    """A process that measures what it is asked to; ``bench/sides.py`` is its program."""

    def __init__(self, name: str, checkpoint: Path) -> None:
        command = [sys.executable, "-m", "bench.sides", name, str(checkpoint)]
        self._process = subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.about = self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def ask(self, **question: Any) -> dict[str, float]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        found: dict[str, float] = self._answer()
        return found

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("A measured process has ended; what it said is above.")
        return json.loads(line)


def in_turn(sides: dict[str, Side], runs: int, **question: Any) -> dict[str, dict[str, float]]:
    """What each side measured, medians of ``runs`` after a first one that does not count."""
    heard: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
    for _ in range(runs + 1):
        for name, side in sides.items():
            heard[name].append(side.ask(**question))
    return {
        name: {key: statistics.median(one[key] for one in found[1:]) for key in found[0]}
        for name, found in heard.items()
    }


def compared(found: dict[str, dict[str, float]]) -> dict[str, Any]:
    """The medians, and their ratios to those of diffusers."""
    peer = found["diffusers"]
    ratios = {
        f"{name}_to_diffusers": {
            key: round(value / peer[key], 3) for key, value in mine.items() if key in peer
        }
        for name, mine in found.items()
        if name != "diffusers"
    }
    rounded = {n: {k: round(v, 4) for k, v in one.items()} for n, one in found.items()}
    return {**rounded, **ratios}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--sides", nargs="+", default=SIDES, choices=SIDES)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        checkpoint, _ = prepared(given.folder or Path(temporary), 0)
        sides = {name: Side(name, checkpoint) for name in given.sides}
        report: dict[str, Any] = {"about": {name: side.about for name, side in sides.items()}}
        for size in given.sizes:
            steps = in_turn(sides, given.runs, do="step", size=size, steps=STEPS)
            decode = in_turn(sides, given.runs, do="decode", size=size)
            both = {name: steps[name] | decode[name] for name in sides}
            report[f"{size}"] = compared(both) if "diffusers" in both else both
        encode = in_turn(sides, given.runs, do="encode")
        report["encode"] = compared(encode) if "diffusers" in encode else encode
        for side in sides.values():
            side.__exit__()
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()

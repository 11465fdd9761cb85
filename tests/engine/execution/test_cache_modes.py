"""The cache modes differ in what is computed again, never in what comes out."""

import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.execution.modes import CacheMode
from engine.execution.tiers import make_cache
from engine.graph.definition import (
    Returned,
)
from engine.graph.run import Run
from tests.engine.execution.bench import Bench, toy
from tests.engine.execution.pack import ANY, const_list, define, show, shown, switch

MODES = [
    CacheMode(),
    CacheMode("classic", 1),
    CacheMode("lru", 2),
    CacheMode("none"),
    CacheMode("ram", free_gb=0.1),
]


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.kind)
def test_every_cache_mode_gives_the_same(bench: Bench, mode: CacheMode, tmp_path: Path) -> None:
    cache = make_cache(mode, 1 << 20, tmp_path / "cache", "salt")
    bench.executor = bench.make(cache)
    loop = {"p": toy("Power", base=3, times=4)} | show("p")
    lists = {"l": const_list(1, 2), "s": toy("Sum", values=["l", 0])} | show("s")
    for _ in range(2):
        assert shown(bench, loop) == [81]
        assert shown(bench, switch(on=True)) == ["yes"]
        assert shown(bench, lists) == [3]


@pytest.mark.parametrize(
    ("mode", "again", "after_another"),
    [
        (MODES[0], [], []),
        (MODES[1], [], ["c", "show"]),
        (MODES[2], [], []),
        (MODES[3], ["c", "show"], ["c", "show"]),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_what_each_cache_mode_runs_again(
    bench: Bench, mode: CacheMode, again: list[str], after_another: list[str], tmp_path: Path
) -> None:
    cache = make_cache(replace(mode, disk_gb=0.0), 1 << 20, tmp_path / "cache", "salt")
    bench.executor = bench.make(cache)
    one = {"c": toy("Const", value=1)} | show("c")
    bench.run(one)
    bench.run(one)
    assert sorted(bench.ran()) == again
    bench.run({"c": toy("Const", value=2)} | show("c"))
    bench.run(one)
    assert sorted(bench.ran()) == after_another


def test_a_costly_result_survives_a_restart_on_disk(bench: Bench, tmp_path: Path) -> None:
    def slow(inputs: Mapping[str, Any], _: Run) -> Returned:
        threading.Event().wait(0.3)  # what is quick to compute is not worth a file
        return Returned((torch.arange(4.0),))

    bench.know(define("Slow", {}, (ANY,), slow))
    prompt = {"s": toy("Slow"), "t": toy("Times", a=["s", 0], b=2)}
    prompt["show"] = toy("Show", value=["t", 0])
    for expected in (["s", "show", "t"], ["show", "t"]):
        bench.executor = bench.make(make_cache(CacheMode(), 1 << 20, tmp_path / "cache", "salt"))
        outcome = bench.run(prompt)
        assert sorted(bench.ran()) == expected
        assert outcome.outputs["show"]["text"][0].tolist() == [0, 2, 4, 6]
        bench.executor.close()

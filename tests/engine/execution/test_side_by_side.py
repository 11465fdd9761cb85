"""Branches, failures and jobs beside each other."""

import itertools
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from engine.execution.job import DEVICE_FREE, Cancel, Event
from engine.graph.definition import (
    Returned,
)
from engine.graph.run import Run
from tests.engine.execution.bench import Bench, toy
from tests.engine.execution.pack import ANY, define, show


def test_branches_that_do_not_depend_on_a_failure_are_finished(bench: Bench) -> None:
    prompt = {
        "f": toy("Fail", value=1),
        "g": toy("Fail", value=2),
        "x": toy("Show", value=["f", 0]),
        "y": toy("Show", value=["g", 0]),
        "c": toy("Const", value=7),
    } | show("c")
    outcome = bench.run(prompt)
    assert outcome.status == "error"
    assert outcome.outputs == {"show": {"text": [7]}}
    assert sorted(e["node_id"] for e in bench.told("execution_error")) == ["f", "g"]


def test_the_same_result_asked_for_by_two_jobs_is_computed_once(bench: Bench) -> None:
    began, go = threading.Event(), threading.Event()
    count = itertools.count()

    def slow(inputs: Mapping[str, Any], _: Run) -> Returned:
        next(count)
        began.set()
        assert go.wait(20)
        return Returned((1,))

    bench.know(define("Slow", {}, (ANY,), slow))
    prompt = {"s": toy("Slow")} | show("s")
    waiting = threading.Event()

    def listen(event: Event) -> None:
        if event.type == "execution_cached":
            waiting.set()

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(bench.executor.run, bench.job(prompt, "1"), lambda _: None, Cancel())
        assert began.wait(20)
        two = pool.submit(bench.executor.run, bench.job(prompt, "2"), listen, Cancel())
        assert waiting.wait(20)
        go.set()
        assert one.result(20).outputs == two.result(20).outputs == {"show": {"text": [1]}}
    assert next(count) == 1


def test_a_job_whose_neighbour_failed_tries_itself(bench: Bench) -> None:
    began, go = threading.Event(), threading.Event()
    turns = itertools.count()

    def flaky(inputs: Mapping[str, Any], _: Run) -> Returned:
        if next(turns) == 0:
            began.set()
            assert go.wait(20)
            raise ValueError("the first time it fails")
        return Returned((1,))

    bench.know(define("Flaky", {}, (ANY,), flaky))
    prompt = {"s": toy("Flaky")} | show("s")
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(bench.executor.run, bench.job(prompt, "1"), lambda _: None, Cancel())
        assert began.wait(20)
        two = pool.submit(bench.executor.run, bench.job(prompt, "2"), lambda _: None, Cancel())
        go.set()
        assert one.result(20).status == "error"
        assert two.result(20).status == "success"


def test_the_device_is_said_to_be_free_when_only_other_work_is_left(bench: Bench) -> None:
    bench.run({"d": toy("Device", value=1)} | show("d"))
    types = [(e.type, e.data.get("node")) for e in bench.events]
    free = types.index((DEVICE_FREE, None))
    assert types.index(("executing", "d")) < free < types.index(("executed", "show"))

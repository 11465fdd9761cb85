"""Classes that end at once are called where they are met; it changes nothing but the thread."""

import threading
from typing import Any

import pytest

from engine.execution.brief import Brief
from engine.graph.definition import Returned
from tests.engine.execution.bench import Bench, toy
from tests.engine.execution.pack import ANY, define


def test_a_class_is_brief_while_its_runs_are() -> None:
    brief = Brief()
    assert "A" not in brief, "nothing is known of it"
    brief.note("A", 0.0001)
    assert "A" in brief
    brief.note("A", 1.0)
    assert "A" not in brief
    for _ in range(100):
        brief.note("A", 0.0001)
    assert "A" in brief
    assert "B" not in brief


@pytest.mark.parametrize("brief", [False, True])
def test_values_and_errors_are_the_same_on_either_thread(bench: Bench, brief: bool) -> None:
    threads: list[str] = []

    def call(inputs: Any, _: Any) -> Any:
        threads.append(threading.current_thread().name)
        if inputs["value"] == "exit":
            raise SystemExit("enough")
        return Returned((inputs["value"],))

    bench.know(define("Where", {"value": {}}, (ANY,), call))
    if brief:
        bench.executor.brief.note("Where", 0.0)
    else:
        bench.executor.brief.note("Where", 1.0)
    show = toy("Show", value=["w", 0])
    outcome = bench.run({"w": toy("Where", value=3), "s": show})
    assert (outcome.status, outcome.outputs["s"]) == ("success", {"text": [3]})
    outcome = bench.run({"w": toy("Where", value="exit"), "s": show})
    message = outcome.messages[-1][1]["exception_message"]
    assert outcome.status == "error"
    assert "how a program ends" in message
    here = threading.current_thread().name
    assert threads == [here, here] if brief else here not in threads

"""StartLoop and EndLoop: what lies between runs once a round, and values go from round to round."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.execution.foresee import foresee
from engine.execution.job import DEVICE_FREE
from engine.formats.api import read_prompt
from engine.graph.native import Listed, Socket, definitions, node
from engine.graph.run import Run
from engine.graph.validation import validate
from nodes import loop
from tests.engine.execution.bench import Bench, toy

Prompt = dict[str, Any]
ANY = Annotated[Any, Socket("*")]
START = {
    "mode": "Simple",
    "iterations": 3,
    "start": 0,
    "stop": 4,
    "step": 1,
    "cache_iterations": True,
}


@node("ToyMake", category="toys")
def make(*, values: Listed[int]) -> Listed[ANY]:
    return values


@node("ToyTensor", category="toys")
def tensor(*, count: int) -> ANY:
    """A list, as one value, of things that are no constants."""
    return [{"samples": n} for n in range(count)]


@node("ToySamples", category="toys")
def samples(*, value: ANY) -> ANY:
    return value["samples"]


@node("ToySee", category="toys", output=True)
def see(*, run: Run, values: Listed[ANY]) -> Listed[ANY]:
    run.show("seen", [list(values)])
    return values


@node("ToyRefuse", category="toys")
def refuse(*, value: ANY, limit: int) -> ANY:
    if value >= limit:
        raise ValueError(f"{value} is too much")
    return value


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    found = Bench(tmp_path, definitions(loop))
    found.add(make, tensor, samples, see, refuse)
    yield found
    found.executor.close()


def start(**inputs: Any) -> dict[str, Any]:
    return toy("StartLoop", **{**START, **inputs})


def end(value: Any, *, accumulate: Any = False, **inputs: Any) -> dict[str, Any]:
    return toy("EndLoop", accumulate=accumulate, value_1=value, **inputs)


def seen(bench: Bench, prompt: Prompt, source: str = "E", slot: int = 0) -> Any:
    prompt = prompt | {"see": toy("ToySee", values=[source, slot])}
    outcome = bench.run(prompt)
    assert outcome.status == "success", outcome.messages
    return outcome.outputs["see"]["seen"][0]


def counting(*, accumulate: bool = False, **inputs: Any) -> Prompt:
    """Adds the item to a value that begins with 10, once a round."""
    return {
        "ten": toy("ToyConstant", value=10),
        "S": start(value_1=["ten", 0], **inputs),
        "B": toy("ToyAdd", a=["S", 2], b=["S", 1]),
        "E": end(["B", 0], accumulate=accumulate),
    }


def test_a_value_is_carried_from_round_to_round(bench: Bench) -> None:
    assert seen(bench, counting(iterations=5)) == [10 + 0 + 1 + 2 + 3 + 4]


def test_all_values_of_a_loop_are_a_list(bench: Bench) -> None:
    assert seen(bench, counting(accumulate=True)) == [10, 11, 13]


def test_for_counts_as_python_does(bench: Bench) -> None:
    numbers = {"mode": "For", "start": 7, "stop": 0, "step": -3}
    assert seen(bench, counting(accumulate=True, **numbers)) == [17, 21, 22]
    prompt = {"S": start(**numbers), "E": end(["S", 0], accumulate=True)}
    assert seen(bench, prompt) == [0, 1, 2], "the index counts the rounds"


def test_a_list_gives_an_item_a_round(bench: Bench) -> None:
    made = toy("ToyMake", values=5)
    prompt = counting(mode="List", items=["m", 0], accumulate=True)
    assert seen(bench, prompt | {"m": made}) == [15]
    things = {
        "m": toy("ToyTensor", count=3),
        "S": start(mode="List", items=["m", 0]),
        "B": toy("ToySamples", value=["S", 1]),
        "E": end(["B", 0], accumulate=True),
    }
    assert seen(bench, things) == [0, 1, 2]


def test_a_loop_without_rounds_gives_what_it_began_with(bench: Bench) -> None:
    assert seen(bench, counting(iterations=0)) == [10]
    assert seen(bench, counting(iterations=0, accumulate=True)) == []
    empty = {"m": toy("ToyTensor", count=0)}
    assert seen(bench, empty | counting(mode="List", items=["m", 0])) == [10]


def test_a_carried_list_stays_a_list(bench: Bench) -> None:
    prompt = counting(mode="List", items=["t", 0]) | {
        "t": toy("ToyTensor", count=2),
        "ten": toy("ToyMake", values=1),
        "B": toy("ToySee", values=["S", 2]),
    }
    assert seen(bench, prompt) == [1]


def test_loops_inside_each_other(bench: Bench) -> None:
    """For each i of 0, 1, 2 add i to the value for each j of 0, 1."""
    prompt = {
        "zero": toy("ToyConstant", value=0),
        "S": start(value_1=["zero", 0]),
        "T": start(iterations=2, value_1=["S", 2]),
        "B": toy("ToyAdd", a=["T", 2], b=["S", 1]),
        "F": end(["B", 0]),
        "E": end(["F", 0], accumulate=True),
    }
    assert seen(bench, prompt) == [0, 2, 6]
    ran = [i for i in bench.ran() if i.endswith(".2")]
    shown = {e["node"]: e["display_node"] for e in bench.told("executing")}
    assert {shown[i] for i in ran} <= {"B", "F", "T"}


def test_loops_one_after_another(bench: Bench) -> None:
    prompt = counting() | {
        "T": start(iterations=2, value_1=["E", 0]),
        "C": toy("ToyAdd", a=["T", 2], b=["T", 1]),
        "F": end(["C", 0]),
    }
    assert seen(bench, prompt, "F") == [14]


def test_the_nodes_of_a_body_run_only_as_rounds_and_are_seen_under_their_names(
    bench: Bench,
) -> None:
    seen(bench, counting())
    assert "B" not in bench.ran()
    shown = [e["display_node"] for e in bench.told("executing")]
    assert shown.count("B") == 3
    order = [e["node"] for e in bench.told("executing") if e["display_node"] in ("S", "B")][1:]
    assert order == [f"E.rounds.{n}.{place}" for n in range(3) for place in range(2)]
    states = {k: v for e in bench.told("progress_state") for k, v in e["nodes"].items()}
    assert states["E.rounds.2.1"]["real_node_id"] == "B"


def test_an_output_in_a_body_shows_each_round(bench: Bench) -> None:
    prompt = counting() | {"P": toy("ToySee", values=["B", 0]), "E": end(["P", 0])}
    prompt["see"] = toy("ToySee", values=["E", 0])
    outcome = bench.run(prompt)
    shown = [
        ui["seen"] for i, ui in outcome.outputs.items() if outcome.meta[i]["display_node"] == "P"
    ]
    assert shown == [[[10]], [[11]], [[13]]]


def test_rounds_run_again_in_each_prompt(bench: Bench) -> None:
    prompt = counting(cache_iterations=False)
    seen(bench, prompt)
    assert seen(bench, prompt) == [13]
    assert [e["display_node"] for e in bench.told("executing")].count("B") == 3


def test_cached_rounds_do_not_and_a_longer_loop_runs_what_is_new(bench: Bench) -> None:
    seen(bench, counting())
    assert seen(bench, counting()) == [13]
    assert bench.ran() == []
    assert seen(bench, counting(iterations=4)) == [16]
    assert [e["display_node"] for e in bench.told("executing")].count("B") == 1


def test_a_change_in_the_body_runs_the_loop_again(bench: Bench) -> None:
    seen(bench, counting())
    changed = counting() | {"B": toy("ToyAdd", a=["S", 2], b=["ten", 0])}
    assert seen(bench, changed) == [40]


def test_a_node_that_needs_only_the_item_is_not_run_for_another_value(bench: Bench) -> None:
    prompt = counting() | {
        "I": toy("ToyAdd", a=["S", 1], b=["S", 1]),
        "B": toy("ToyAdd", a=["S", 2], b=["I", 0]),
    }
    assert seen(bench, prompt) == [16]
    prompt["ten"] = toy("ToyConstant", value=9)
    assert seen(bench, prompt) == [15]
    assert "I" not in [e["display_node"] for e in bench.told("executing")]


def test_an_error_in_a_round_is_told_of_its_node_and_ends_the_loop(bench: Bench) -> None:
    prompt = counting(iterations=9) | {
        "R": toy("ToyRefuse", value=["B", 0], limit=13),
        "E": end(["R", 0]),
        "see": toy("ToySee", values=["E", 0]),
    }
    outcome = bench.run(prompt)
    type_, data = outcome.messages[-1]
    assert (type_, data["node_id"], data["node_type"]) == ("execution_error", "R", "ToyRefuse")
    assert [e["display_node"] for e in bench.told("executing")].count("R") == 3


def test_a_loop_can_be_cancelled_between_rounds(bench: Bench) -> None:
    @node("ToyCancel", category="toys")
    def cancel(*, value: ANY) -> ANY:
        if value >= 11:
            bench.cancel.set()
        return value

    bench.add(cancel)
    prompt = counting(iterations=9) | {
        "R": toy("ToyCancel", value=["B", 0]),
        "E": end(["R", 0]),
        "see": toy("ToySee", values=["E", 0]),
    }
    assert bench.run(prompt).status == "interrupted"
    assert [e["display_node"] for e in bench.told("executing")].count("R") == 2


def test_what_cannot_be_a_loop_says_why(bench: Bench) -> None:
    def why(prompt: Prompt) -> str:
        outcome = bench.run(prompt | {"see": toy("ToySee", values=["E", 0])})
        message: str = outcome.messages[-1][1]["exception_message"]
        return message

    assert "step is 0" in why(counting(mode="For", step=0))
    assert "'items' is not connected" in why(counting(mode="List"))
    assert "100,000 is the most" in why(counting(iterations=100_000))


def test_a_loop_that_is_none_is_refused_before_it_is_queued(bench: Bench) -> None:
    prompt = {"x": toy("ToyConstant", value=1), "E": end(["x", 0])}
    prompt["see"] = toy("ToySee", values=["E", 0])
    checked = validate(read_prompt(prompt), bench.registry.catalogue, bench.folders)
    (error,) = checked.node_errors["E"]["errors"]
    assert error["extra_info"]["loop_error_type"] == "loop_end_without_start"


def test_a_plan_does_not_run_a_loop(bench: Bench) -> None:
    prompt = counting() | {"see": toy("ToySee", values=["E", 0])}
    plan = foresee(bench.executor, bench.job(prompt))
    assert [one["node"] for one in plan["run"]] == ["E", "see"]
    bench.run(prompt)
    assert foresee(bench.executor, bench.job(prompt))["run"] == []


def test_the_device_is_not_free_before_the_loop_is_over(bench: Bench) -> None:
    prompt = counting() | {"B": toy("ToySteps", value=["S", 2], count=1)}
    seen(bench, prompt)
    types = [e.type if e.type == DEVICE_FREE else e.data.get("node") for e in bench.events]
    assert types.index(DEVICE_FREE) > types.index("E.rounds.2.1")


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.integers(-6, 6),
    st.integers(-6, 6),
    st.integers(-3, 3).filter(bool),
    st.integers(0, 3),
    st.booleans(),
)
def test_a_loop_in_a_loop_is_what_python_says(
    bench: Bench, first: int, last: int, step: int, times: int, accumulate: bool
) -> None:
    prompt = {
        "one": toy("ToyConstant", value=1),
        "S": start(mode="For", start=first, stop=last, step=step, value_1=["one", 0]),
        "A": toy("ToyAdd", a=["S", 2], b=["S", 1]),
        "T": start(iterations=times, value_1=["A", 0]),
        "B": toy("ToyAdd", a=["T", 2], b=["S", 1]),
        "F": end(["B", 0]),
        "E": end(["F", 0], accumulate=accumulate),
    }
    value, values = 1, []
    for outer in range(first, last, step):
        value += outer
        for _ in range(times):
            value += outer
        values.append(value)
    assert seen(bench, prompt) == (values if accumulate else [value])


def test_a_thousand_rounds(bench: Bench) -> None:
    assert seen(bench, counting(iterations=1000)) == [10 + 999 * 500]

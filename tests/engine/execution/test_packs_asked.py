"""Classes of packs that say when they run and with what: IS_CHANGED, VALIDATE_INPUTS, lazy inputs,
expansions, coroutines."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.compat.toys import REGISTRY, RUNNING
from tests.engine.execution.bench import Bench, toy
from tests.engine.execution.packs import checked, one, refused, seen, show


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    found = Bench(tmp_path, REGISTRY.values())
    yield found
    found.executor.close()


# What decides whether a class runs again


def test_is_changed_is_part_of_the_key(bench: Bench) -> None:
    prompt = {"x": toy("V1Changes", value=1)} | show("x")
    bench.run(prompt)
    bench.run(prompt)
    assert bench.ran() == []
    linked = {"n": toy("V1Node", value=1), "x": toy("V1Changes", value=["n", 0])} | show("x")
    bench.run(linked)
    bench.run(linked)
    assert bench.ran() == ["x", "show"], "NaN is different from itself"


@pytest.mark.parametrize(
    ("class_type", "again"),
    [("V1ChangesNever", []), ("V1ChangesAlways", ["x", "show"]), ("V1ChangesLater", [])],
)
def test_constant_raising_and_awaited_is_changed(
    bench: Bench, class_type: str, again: list[str]
) -> None:
    prompt = {"x": toy(class_type, value=1)} | show("x")
    bench.run(prompt)
    bench.run(prompt)
    assert bench.ran() == again


def test_what_a_class_remembers_on_itself_is_there_in_the_next_prompt(bench: Bench) -> None:
    values = [one(bench, "V1Counts", value=value) for value in (1, 2, 3)]
    assert values == [1, 2, 3]


# What a class checks before the prompt is queued


def test_named_inputs_are_checked_by_the_class_and_not_by_their_limits(bench: Bench) -> None:
    assert refused(bench, "V1ValidatesNames", value=8, other=1) == []
    assert refused(bench, "V1ValidatesNames", value=7, other=1) == [
        ("custom_validation_failed", "value - 7 is odd")
    ]
    (error,) = refused(bench, "V1ValidatesNames", value=8, other=9)
    assert error[0] == "value_bigger_than_max", "which it does not name"
    assert refused(bench, "V1ValidatesNames", value=["n", 0], other=1) == []


def test_a_check_of_everything_takes_over_all_limits(bench: Bench) -> None:
    assert refused(bench, "V1ValidatesAll", value=99, other=-1) == []
    assert refused(bench, "V1ValidatesAll", value=1, other=2) == [
        ("custom_validation_failed", "value"),
        ("custom_validation_failed", "other"),
    ]


def test_a_check_of_types_takes_over_what_may_be_linked(bench: Bench) -> None:
    assert refused(bench, "V1ValidatesTypes", image=["n", 0]) == []
    prompt = {"t": toy("V1Returns", kind="tuple"), "x": toy("V1ValidatesTypes", image=["t", 1])}
    (error,) = checked(bench, prompt | show("x")).node_errors["x"]["errors"]
    assert error["details"] == "input_types - wrong type"


def test_a_check_that_raises_is_said_to(bench: Bench) -> None:
    (error,) = refused(bench, "V1ValidatesBadly", value=1)
    assert error == ("exception_during_validation", "RuntimeError: oops")


# Lazy inputs, expansion, async


@pytest.mark.parametrize(("on", "value", "other"), [(True, 3, "m"), (False, 4, "n")])
def test_a_lazy_class_gets_the_side_that_it_asks_for(
    bench: Bench, on: bool, value: int, other: str
) -> None:
    (found,) = {x for x in one(bench, "V1Switch", on=on, yes=["n", 0], no=["m", 0]) if x}
    assert found == value
    assert other not in bench.ran()


def test_a_lazy_class_that_takes_lists(bench: Bench) -> None:
    prompt = {"l": toy("V1Series", value=2), "x": toy("V1Lists", value=["l", 0])}
    assert seen(bench, prompt | show("x")) == [([0, 1], ["x"])]


def test_an_expansion_gives_its_result_and_shows_where_it_says(bench: Bench) -> None:
    assert one(bench, "V1Expands", value=2) == 1
    shown = {e["node"]: e["display_node"] for e in bench.told("executing")}
    assert shown["x.0.0.1"] == "x"
    assert shown["x.0.0.two"] == "shown"


def test_an_expansion_may_expand_again_until_it_ends(bench: Bench) -> None:
    assert one(bench, "V1Factorial", value=5, so_far=1) == 120
    assert len([i for i in bench.ran() if i.startswith("x.")]) == 8


def test_each_element_of_a_list_may_expand(bench: Bench) -> None:
    prompt = {"l": toy("V1Series", value=5), "x": toy("V1Factorial", value=["l", 0], so_far=1)}
    assert seen(bench, prompt | show("x")) == [1, 1, 2, 6, 24]


def test_async_calls_of_one_class_and_of_others_run_together(bench: Bench) -> None:
    RUNNING.Meets.gate = asyncio.Barrier(3)
    prompt = {
        "l": toy("V1Series", value=2),
        "x": toy("V1Meets", value=["l", 0]),
        "y": toy("V1Meets", value=5),
        "z": toy("V1Show", value=["y", 0]),
    }
    outcome = bench.run(prompt | show("x"))
    assert outcome.outputs["show"]["seen"] == [(0, 0), (1, 1)]
    assert outcome.outputs["z"]["seen"] == [(5, 0)]


def test_async_code_knows_which_node_it_is(bench: Bench) -> None:
    assert one(bench, "V1Waits", value=1) == "x"
    assert one(bench, "V3Waits", change=False) == "x"

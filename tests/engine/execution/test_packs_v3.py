"""V3 classes in the real executor: results, growing inputs, the locked class."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.engine.compat.toys import REGISTRY
from tests.engine.execution.bench import Bench, toy
from tests.engine.execution.packs import one, refused, seen, show


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    found = Bench(tmp_path, REGISTRY.values())
    yield found
    found.executor.close()


@pytest.mark.parametrize("kind", ["output", "tuple", "dict"])
def test_each_form_of_a_v3_result_reaches_who_is_linked(bench: Bench, kind: str) -> None:
    assert one(bench, "V3Returns", 0, kind=kind) == 1
    assert one(bench, "V3Returns", 1, kind=kind) == "a"


def test_v3_results_may_be_shown_or_blocked(bench: Bench) -> None:
    outcome = bench.run({"x": toy("V3Returns", kind="dict")} | show("x"))
    assert outcome.outputs["x"] == {"text": ["hello"]}
    assert one(bench, "V3Returns", kind="none") is None
    assert seen(bench, {"x": toy("V3Returns", kind="blocked")} | show("x")) is None
    (error,) = bench.told("execution_error")
    assert error["exception_message"] == "Execution Blocked: not now"


def test_a_v3_class_is_locked_and_knows_its_hidden_values(bench: Bench) -> None:
    assert one(bench, "V3Locked", change=False) == ("x", None, None)
    outcome = bench.run({"x": toy("V3Locked", change=True)} | show("x"))
    assert "Locked.count cannot be set" in outcome.messages[-1][1]["exception_message"]


@pytest.mark.parametrize(
    ("class_type", "given", "value"),
    [
        (
            "V3Grows",
            {"images.image0": ["n", 0], "images.image1": 2, "named.blue": ["m", 0]},
            {"images": {"image0": 3, "image1": 2}, "named": {"blue": 4}},
        ),
        (
            "V3Chooses",
            {"mode": "mix", "mode.how": "add", "mode.how.amount": 0.5},
            {"mode": {"mode": "mix", "how": {"how": "add", "amount": 0.5}}},
        ),
        (
            "V3Slots",
            {"slot": ["n", 0], "slot.strength": 0.5},
            {"slot": {"slot": 3, "strength": 0.5}},
        ),
        ("V3Slots", {}, {}),
        (
            "V3Rows",
            {"loras.0.name": "a", "loras.0.strength": 1, "loras.1.strength": 0.5},
            {"loras": [{"name": "a", "strength": 1.0}, {"name": None, "strength": 0.5}]},
        ),
        ("V3AcceptsAll", {"value": 1, "more": 2}, {"value": 1, "more": 2}),
    ],
)
def test_dynamic_inputs_arrive_nested(
    bench: Bench, class_type: str, given: Mapping[str, Any], value: Any
) -> None:
    assert one(bench, class_type, **given) == value


@pytest.mark.parametrize(
    ("class_type", "given", "problem"),
    [
        ("V3Grows", {"images.image0": 1}, "required_input_missing"),
        (
            "V3Grows",
            {"images.image0": 1, "images.image1": 2, "images.image9": 3},
            "invalid_dynamic_input",
        ),
        (
            "V3Grows",
            {"images.image0": 1, "images.image1": 99},
            "value_bigger_than_max",
        ),
        ("V3Chooses", {"mode": "sharpen"}, "value_not_in_list"),
        ("V3Chooses", {"mode": "blur"}, "required_input_missing"),
        ("V3Chooses", {"mode": "none", "mode.radius": 1}, "invalid_dynamic_input"),
        ("V3Slots", {"slot": 1, "slot.strength": 0.5}, "invalid_dynamic_input"),
        ("V3Rows", {"loras.0.strength": 1}, "required_input_missing"),
    ],
)
def test_bad_dynamic_inputs_are_refused(
    bench: Bench, class_type: str, given: Mapping[str, Any], problem: str
) -> None:
    assert [type_ for type_, _ in refused(bench, class_type, **given)] == [problem]


def test_lazy_members_of_a_growing_list(bench: Bench) -> None:
    given = {"all.n0": ["n", 0], "all.n1": ["m", 0]}
    assert one(bench, "V3Lazy", on=True, **given)["all"] == {"n0": 3, "n1": 4}
    assert one(bench, "V3Lazy", on=False, **given)["all"] == {"n0": None, "n1": None}


def test_a_v3_check_sees_nested_inputs(bench: Bench) -> None:
    assert refused(bench, "V3Checks", value=1, **{"rows.n0": 5}) == []
    assert refused(bench, "V3Checks", value=2, **{"rows.n0": 5}) == [
        ("custom_validation_failed", "value - 1 rows, not 2"),
        ("custom_validation_failed", "rows - 1 rows, not 2"),
    ]

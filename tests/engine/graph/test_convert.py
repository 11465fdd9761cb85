"""Constants are converted to what their widget means, or named as wrong; nothing raises."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.files.folders import Folders
from engine.graph.convert import convert
from engine.graph.problems import Problem
from engine.graph.spec import InputSpec

NOWHERE = Folders(Path("nowhere"))
INT = InputSpec("n", "INT", options={"min": -5, "max": 5})
FLOAT = InputSpec("x", "FLOAT", options={"min": -1.0, "max": 1.0})
COMBO = InputSpec("c", "COMBO", choices=("a", "b", 3, None))
MANY = InputSpec(
    "m", "COMBO", options={"options": ["a", "b"], "multiselect": True}, choices=("a", "b")
)

# Whatever JSON can say, and the numbers that Python's reader adds.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.tuples(inner, inner) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def converted(spec: InputSpec, value: Any, *, limits: bool = True) -> tuple[Any, Problem | None]:
    return convert(spec, value, NOWHERE, limits=limits)


@given(JSON)
def test_a_whole_number_is_within_its_limits_or_a_problem(value: Any) -> None:
    number, problem = converted(INT, value)
    if problem is None:
        assert type(number) is int
        assert -5 <= number <= 5
    else:
        assert problem.extra_info["input_name"] == "n"
        json.dumps(problem.to_json(), allow_nan=False)


@given(JSON)
def test_a_number_is_finite_and_within_its_limits_or_a_problem(value: Any) -> None:
    number, problem = converted(FLOAT, value)
    if problem is None:
        assert type(number) is float
        assert -1 <= number <= 1
    else:
        json.dumps(problem.to_json(), allow_nan=False)


@given(JSON)
def test_without_limits_a_number_is_still_finite(value: Any) -> None:
    number, problem = converted(FLOAT, value, limits=False)
    assert problem is not None or math.isfinite(number)


@given(st.integers(-5, 5))
def test_a_number_within_its_limits_stays(value: int) -> None:
    assert converted(INT, value) == (value, None)
    assert converted(INT, str(value)) == (value, None)
    assert converted(INT, value + 0.0) == (value, None)


@given(JSON)
def test_anything_is_a_text_and_a_switch(value: Any) -> None:
    assert converted(InputSpec("t", "STRING"), value) == (str(value), None)
    assert converted(InputSpec("b", "BOOLEAN"), value) == (bool(value), None)


@given(JSON)
def test_a_choice_is_on_offer_or_a_problem(value: Any) -> None:
    found, problem = converted(COMBO, value)
    assert (problem is None) == (value in COMBO.choices)
    assert found is value


@given(st.lists(st.sampled_from(["a", "b", "c", 1])).map(tuple))
def test_each_of_several_choices_must_be_on_offer(values: tuple[Any, ...]) -> None:
    found, problem = converted(MANY, values)
    assert found == values
    assert (problem is None) == all(value in ("a", "b") for value in values)


def test_several_choices_need_a_widget_that_takes_them() -> None:
    _, problem = converted(COMBO, ("a", "b"))
    assert problem is not None
    assert problem.type == "value_not_in_list"


@pytest.mark.parametrize("value", ["zz", 5, ("a", "zz"), None])
def test_a_node_that_checks_itself_gets_any_choice(value: Any) -> None:
    assert converted(COMBO, value, limits=False) == (value, None)


@pytest.mark.parametrize("value", ["zz", 5, None, {"a": 1}])
def test_choices_that_only_the_client_knows_are_not_checked(value: Any) -> None:
    assert converted(InputSpec("r", "COMBO", unlisted=True), value) == (value, None)


def test_limits_that_are_no_numbers_limit_nothing() -> None:
    spec = InputSpec("n", "INT", options={"min": None, "max": "five"})
    assert converted(spec, 10**6) == (10**6, None)

"""Inputs written as clients and packs write them are read into specs."""

from typing import Any

import pytest

from engine.graph.sections import read_inputs
from engine.graph.spec import InputSpec


def test_required_inputs_come_before_optional_ones_in_their_order() -> None:
    written = {
        "optional": {"c": ["MASK"]},
        "required": {"b": ["INT", {"min": 0}], "a": ["*"]},
    }
    assert read_inputs(written) == (
        InputSpec("b", "INT", options={"min": 0}),
        InputSpec("a", "*"),
        InputSpec("c", "MASK", required=False),
    )


@pytest.mark.parametrize(
    ("written", "choices", "unlisted"),
    [
        ([["a", 1]], ("a", 1), False),
        ([[]], (), False),
        (["COMBO", {"options": ["a"]}], ("a",), False),
        (["COMBO", {}], (), True),
        (["COMBO", {"options": ["a"], "remote": {"route": "/x"}}], (), True),
    ],
)
def test_lists_of_choices_have_two_forms(
    written: Any, choices: tuple[Any, ...], unlisted: bool
) -> None:
    (item,) = read_inputs({"required": {"x": written}})
    assert (item.type, item.choices, item.unlisted) == ("COMBO", choices, unlisted)


@pytest.mark.parametrize("written", [[], "INT", None, ["INT", 3], [5], {"type": "INT"}])
def test_what_is_no_input_is_refused_by_name(written: Any) -> None:
    with pytest.raises(TypeError, match="'x'"):
        read_inputs({"required": {"x": written}})

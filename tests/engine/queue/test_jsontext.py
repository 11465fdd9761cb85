"""Whatever a node gives becomes JSON that every client can read."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.queue.jsontext import dumps

SCALARS = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


class Mute:
    def __str__(self) -> str:
        raise ValueError("no text")


@given(VALUES)
def test_what_is_json_stays_as_it_is(value: Any) -> None:
    def finite(one: Any) -> Any:
        if isinstance(one, float) and not math.isfinite(one):
            return None
        if isinstance(one, list):
            return [finite(item) for item in one]
        return {k: finite(v) for k, v in one.items()} if isinstance(one, dict) else one

    assert json.loads(dumps(value)) == finite(value)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ([math.nan, math.inf], [None, None]),
        ({"a": b"12345"}, {"a": "<5 bytes>"}),
        ({("a", 1): {2}}, {"('a', 1)": "{2}"}),
        ([Mute()], ["<Mute>"]),
        ({Mute(): 1}, {"<Mute>": 1}),
        (["x" * 5, Ellipsis], ["xxxxx", "Ellipsis"]),
    ],
)
def test_what_is_no_json_becomes_some(value: Any, read: Any) -> None:
    assert json.loads(dumps(value)) == read


def test_rings_and_great_depths_are_cut() -> None:
    ring: dict[str, Any] = {"n": 1}
    ring["self"] = [ring]
    assert json.loads(dumps(ring)) == {"n": 1, "self": ["..."]}
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert dumps(deep).count("[") == 100
    twice = [1]
    assert json.loads(dumps([twice, twice, math.nan])) == [[1], [1], None]


def test_long_texts_of_objects_are_cut() -> None:
    assert len(dumps({1, *range(100_000)})) < 20_000

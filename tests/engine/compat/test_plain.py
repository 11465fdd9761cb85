"""Whatever a pack says of its class becomes JSON and names of types."""

import json
from enum import Enum, StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.compat.plain import plain, type_name
from tests.engine.compat.toys import V1


class Kind(StrEnum):
    ANY = "*"
    IMAGE = "IMAGE"


class Mixed(str, Enum):  # noqa: UP042 - as packs write it
    INT = "INT"


class Zero:
    """A number as array libraries have them."""

    shape = ()

    def item(self) -> float:
        return 0.5


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.binary(max_size=5)
    | st.sampled_from([Kind.ANY, Mixed.INT, object(), Zero(), int, range(3)]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(ANYTHING)
def test_anything_becomes_json_and_stays_what_it_is_then(value: Any) -> None:
    written = plain(value)
    assert json.loads(json.dumps(written, allow_nan=False)) == written
    assert plain(written) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (float("inf"), None),
        ({"b", "a"}, ["a", "b"]),
        ({"a": 1}.keys(), ["a"]),
        (Zero(), 0.5),
        (Mixed.INT, "INT"),
        (True, True),
    ],
)
def test_known_oddities(value: Any, written: Any) -> None:
    assert plain(value) == written
    assert type(plain(value)) is type(written)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("IMAGE", "IMAGE"),
        (Kind.ANY, "*"),
        (Mixed.INT, "INT"),
        (V1.AnyType("*"), "*"),
        (V1.AnyType("whatever"), "*"),
        (V1.Pictures("MASK"), "MASK,IMAGE"),
    ],
)
def test_types_are_named_by_what_they_accept(value: Any, name: str) -> None:
    assert type_name(value) == name
    assert type(type_name(value)) is str

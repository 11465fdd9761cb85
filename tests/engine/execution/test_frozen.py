"""Inputs that their reader cannot change, and private copies for those that may."""

import copy
import json
import pickle
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.execution.frozen import FrozenDict, FrozenError, FrozenList, frozen, thawed

PLAIN = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(PLAIN)
def test_frozen_equals_the_original_and_thawing_gives_it_back(value: Any) -> None:
    assert frozen(value) == value
    assert repr(thawed(frozen(value))) == repr(value)
    assert type(thawed(frozen(value))) is type(value)


WRITES: list[Callable[[Any], Any]] = [
    lambda d: d.update(a=1),
    lambda d: d.pop("a"),
    lambda d: d.popitem(),
    lambda d: d.clear(),
    lambda d: d.setdefault("b", 1),
    lambda d: d.__setitem__("a", 1),
    lambda d: d.__delitem__("a"),
    lambda d: d.__ior__({"b": 1}),
    lambda d: d["list"].append(1),
    lambda d: d["list"].extend([1]),
    lambda d: d["list"].insert(0, 1),
    lambda d: d["list"].remove(3),
    lambda d: d["list"].pop(),
    lambda d: d["list"].clear(),
    lambda d: d["list"].sort(),
    lambda d: d["list"].reverse(),
    lambda d: d["list"].__setitem__(0, 1),
    lambda d: d["list"].__delitem__(0),
    lambda d: d["list"].__iadd__([1]),
    lambda d: d["list"].__imul__(2),
    lambda d: d["pairs"][0][1].update(a=1),
]


@pytest.mark.parametrize("write", WRITES)
def test_every_way_of_writing_is_refused_with_advice(write: Callable[[Any], Any]) -> None:
    value = {"a": 0, "list": [3, 2], "pairs": [(1, {"a": 0})]}
    before = copy.deepcopy(value)
    held = frozen(value)
    with pytest.raises(FrozenError, match="make a new value"):
        write(held)
    assert value == before == held


def test_making_new_values_of_frozen_ones_gives_plain_ones() -> None:
    latent = frozen({"samples": 1, "list": [1]})
    for found in ({**latent, "x": 1}, latent | {"x": 1}, {"x": 1, **latent}):
        found["samples"] = 2
    made: list[Any] = [latent.copy(), copy.copy(latent), copy.deepcopy(latent)]
    assert {type(found) for found in made} == {dict}
    assert type(pickle.loads(pickle.dumps(latent))["list"]) is list
    assert json.loads(json.dumps(latent)) == {"samples": 1, "list": [1]}
    more = latent["list"] + [2]
    assert {type(more), type(latent["list"][:]), type(latent["list"].copy())} == {list}
    assert isinstance(latent, dict)
    assert isinstance(latent["list"], list)


def test_what_is_frozen_is_apart_from_the_original() -> None:
    value = {"a": [1]}
    held = frozen(value)
    value["a"].append(2)
    assert held == {"a": [1]}


def test_a_pack_may_write_into_its_own_copy() -> None:
    kept = {"samples": torch.zeros(1), "more": [{"x": 1}]}
    own = thawed(kept)
    own["samples"] = torch.ones(1)
    own["more"][0]["x"] = 2
    own["more"].append(3)
    assert float(kept["samples"]) == 0.0
    assert kept["more"] == [{"x": 1}]


def test_tensors_and_objects_are_passed_as_they_are() -> None:
    tensor, thing = torch.zeros(2), object()
    for copied in (frozen([tensor, thing]), thawed([tensor, thing])):
        assert copied[0] is tensor
        assert copied[1] is thing


def test_arrays_become_read_only_views() -> None:
    array = np.zeros(3)
    view = frozen({"mask": array})["mask"]
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 1
    array[0] = 2  # the producer's own array is as it was
    assert view[0] == 2
    assert np.shares_memory(view, array)


def test_what_is_held_twice_is_still_one_and_a_ring_does_not_hang() -> None:
    inner = {"x": 1}
    one, other = frozen([inner, inner])
    assert one is other
    ring: list[Any] = [1]
    ring.append(ring)
    assert thawed(ring)[1] is ring


class Pipe(dict[str, Any]):
    """A mapping with a meaning of its own."""


def test_subclasses_keep_their_identity() -> None:
    pipe = Pipe(a=1)
    assert frozen([pipe])[0] is pipe
    assert thawed([pipe])[0] is pipe


def test_a_proxy_counts_as_a_mapping() -> None:
    assert type(frozen(MappingProxyType({"a": [1]}))) is FrozenDict
    assert type(frozen(MappingProxyType({"a": [1]}))["a"]) is FrozenList
    assert type(thawed(MappingProxyType({"a": 1}))) is dict

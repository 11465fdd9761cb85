"""Entries as bytes: what comes back is what went in, and damaged bytes are never an entry."""

import json
import math
from types import MappingProxyType
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from engine.execution.cache import Entry
from engine.execution.encoded import (
    _MAGIC,
    Unsound,
    Unstorable,
    _digest,
    encode,
    pack,
    unpack,
)
from engine.execution.frozen import frozen
from engine.weights.handles import Model, WeightsFile

DTYPES = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
    torch.int64,
    torch.int16,
    torch.uint8,
    torch.bool,
]


@st.composite
def tensors(draw: st.DrawFn) -> torch.Tensor:
    shape = draw(st.lists(st.integers(0, 4), max_size=4))
    raw = torch.tensor(draw(st.lists(st.integers(0, 1), min_size=1, max_size=8)))
    count = math.prod(shape)
    flat = raw.repeat(count // len(raw) + 1)[:count]
    return flat.to(draw(st.sampled_from(DTYPES))).reshape(shape)


SCALARS = (
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 64) - 1) | st.floats() | st.text()
)
VALUES = st.recursive(
    SCALARS | tensors(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=12,
)
SLOTS = st.lists(st.lists(VALUES, max_size=2).map(tuple), max_size=2).map(tuple)


def same(one: Any, other: Any) -> bool:
    """Equal in type, in structure and, for tensors, in every bit."""
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        return (
            one.dtype == other.dtype
            and one.shape == other.shape
            and torch.equal(bits(one), bits(other))
        )
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    return repr(one) == repr(other)  # two that are not a number are the same, too


def bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.contiguous().view(-1).view(torch.uint8)


def through(entry: Entry) -> Entry:
    return unpack(pack(encode("key", entry)), "key")


@given(SLOTS, st.floats(0, 1e9))
def test_what_comes_back_is_what_went_in(slots: Any, seconds: float) -> None:
    found = through(Entry(slots, None, seconds))
    assert same(found.values, slots)
    assert (found.ui, found.seconds) == (None, seconds)


def test_views_strides_and_shared_memory_come_back_as_tensors_of_their_own() -> None:
    base = torch.arange(24.0).reshape(2, 3, 4)
    value = {"view": base[1], "turned": base.permute(2, 0, 1), "all": base, "flat": base.view(-1)}
    found = through(Entry(((value,),))).values[0][0]
    assert same(found, {name: tensor.contiguous() for name, tensor in value.items()})


def test_a_tensor_that_is_held_twice_is_written_once() -> None:
    tensor = torch.zeros(10_000)
    assert len(pack(encode("key", Entry(((tensor, tensor), (tensor,)))))) < 50_000


def test_values_made_in_inference_mode_can_be_written() -> None:
    with torch.inference_mode():
        tensor = torch.ones(3) * 2
    assert same(through(Entry(((tensor,),))).values, ((torch.full((3,), 2.0),),))


def test_frozen_values_come_back_plain() -> None:
    value = [{"a": [1, 2]}]
    assert same(through(Entry(((frozen(value),),))).values, ((value,),))
    assert same(through(Entry(((MappingProxyType({"a": 1}),),))).values, (({"a": 1},),))


class Text(str):
    """A text that could carry more than its letters."""


def deep(levels: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(levels):
        found = [found]
    return found


@pytest.mark.parametrize(
    "value",
    [
        Model(WeightsFile("sd.safetensors", 1, 1)),
        object(),
        b"bytes",
        {1: "a number as a name"},
        {"x"},
        Text("x"),
        1 << 64,
        torch.nn.Parameter(torch.zeros(1)),
        torch.zeros(1, requires_grad=True),
        torch.zeros(2, 2).to_sparse(),
        torch.zeros(1, device="meta"),
        torch.view_as_complex(torch.ones(1, 2)),
        torch.view_as_complex(torch.ones(1, 2)).conj().imag,
        deep(100),
        deep(100_000),
    ],
    ids=lambda value: type(value).__name__,
)
def test_anything_else_is_not_written(value: Any) -> None:
    with pytest.raises(Unstorable):
        encode("key", Entry((({"deep": [value]},),)))


def test_what_showed_files_is_not_written() -> None:
    with pytest.raises(Unstorable):
        encode("key", Entry((), {"images": [{"filename": "a.png"}]}))


SAMPLE = pack(
    encode("key", Entry((([[torch.rand(1, 5, 4), {"pooled_output": torch.rand(1, 4)}]],),)))
)


@given(st.integers(0, len(SAMPLE) - 1), st.integers(1, 255))
def test_one_wrong_byte_anywhere_is_noticed(place: int, change: int) -> None:
    damaged = bytearray(SAMPLE)
    damaged[place] ^= change
    with pytest.raises(Unsound):
        unpack(bytes(damaged), "key")


@given(st.integers(0, len(SAMPLE) - 1))
def test_a_file_that_ends_early_is_noticed(length: int) -> None:
    with pytest.raises(Unsound):
        unpack(SAMPLE[:length], "key")


def test_a_file_under_the_name_of_another_key_is_noticed() -> None:
    with pytest.raises(Unsound, match="another key"):
        unpack(SAMPLE, "other key")


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_no_entry(data: bytes) -> None:
    for found in (data, signed(data)):
        with pytest.raises(Unsound):
            unpack(found, "key")


def signed(document: bytes) -> bytes:
    """A file that somebody made on purpose: its checksum is right."""
    return _MAGIC + _digest(document) + document


def document(**changes: Any) -> bytes:
    text = json.dumps({"key": "key", "seconds": 1.0, "values": [], **changes})
    return signed(save({"0": torch.zeros(2)}, {"patchbay": text}))


@pytest.mark.parametrize(
    "changes",
    [
        {"values": [[["x", 1]]]},
        {"values": [[["x", -1]]]},
        {"values": [[["x", "0"]]]},
        {"values": [[["x"]]]},
        {"values": [[["?", 1]]]},
        {"values": [[[]]]},
        {"values": [[{"d": 1}]]},
        {"values": [[["d", 1]]]},
        {"values": [[["d", [1, 2]]]]},
        {"values": [[["d", ["a"]]]]},
        {"values": [1]},
        {"values": None},
        {"values": [[json.loads("[" * 500 + "]" * 500)]]},
        {"values": [[json.loads('["l",' * 900 + "1" + "]" * 900)]]},
        {"seconds": -1.0},
        {"seconds": float("nan")},
        {"seconds": float("inf")},
        {"seconds": "1"},
    ],
)
def test_a_forged_file_is_no_entry(changes: dict[str, Any]) -> None:
    with pytest.raises(Unsound):
        unpack(document(**changes), "key")


@pytest.mark.parametrize(
    "data",
    [
        save({"0": torch.zeros(2)}),
        save({"0": torch.zeros(2)}, {"patchbay": "[" * 100_000}),
        save({"0": torch.zeros(2)}, {"patchbay": "[]"}),
        save({"0": torch.zeros(2)}, {"patchbay": "{}"}),
        save({"0": torch.zeros(2)}, {"patchbay": "\ud800".encode("utf-8", "replace").decode()}),
        (1 << 63).to_bytes(8, "little") + b"{}",
        (0).to_bytes(8, "little"),
    ],
)
def test_a_forged_container_is_no_entry(data: bytes) -> None:
    with pytest.raises(Unsound):
        unpack(signed(data), "key")
    assert unpack(document(), "key") == Entry((), None, 1.0)

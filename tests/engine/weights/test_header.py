"""Safetensors headers: what is sound is read, everything else is one sentence and no crash."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from engine.weights.errors import WeightsError
from engine.weights.handles import WeightsFile
from engine.weights.header import MAX_HEADER, MAX_TENSORS, Entry, read_header
from engine.weights.tensors import TensorFile

F32 = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}


def written(path: Path, header: object, data: bytes = bytes(24)) -> WeightsFile:
    """A file with the given header, as JSON or as raw text, and data."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(raw).to_bytes(8, "little") + raw + data)
    return WeightsFile.of(path)


def test_names_shapes_places_and_metadata_are_read(tmp_path: Path) -> None:
    file = written(tmp_path / "a.safetensors", {"__metadata__": {"k": "v"}, "w": F32})
    header = read_header(file)
    start = file.size - 24
    assert header.tensors == {"w": Entry("F32", (2, 3), start, file.size)}
    assert header.metadata == {"k": "v"}


def test_a_file_written_by_the_safetensors_library_reads_the_same(tmp_path: Path) -> None:
    tensors = {
        "half": torch.randn(3, 5).half(),
        "brain": torch.randn(7).bfloat16(),
        "whole": torch.arange(4),
        "scalar": torch.tensor(2.5),
        "none": torch.empty(0, 4),
        "odd": torch.arange(3, dtype=torch.uint8),
    }
    path = tmp_path / "a.safetensors"
    path.write_bytes(save(tensors))
    with TensorFile(WeightsFile.of(path)) as opened:
        assert opened.header.tensors.keys() == tensors.keys()
        for name, tensor in tensors.items():
            assert torch.equal(opened.read(name), tensor)


UNSOUND: dict[str, object] = {
    "offsets beyond the file": {"w": F32 | {"shape": [2, 4], "data_offsets": [0, 32]}},
    "offsets backwards": {"w": F32 | {"data_offsets": [24, 0]}},
    "negative offsets": {"w": F32 | {"data_offsets": [-24, 0]}},
    "huge offsets": {"w": F32 | {"data_offsets": [0, 1 << 63]}},
    "overlap": {"a": F32, "b": F32},
    "gap": {
        "a": F32 | {"shape": [2], "data_offsets": [0, 8]},
        "b": F32 | {"shape": [2], "data_offsets": [16, 24]},
    },
    "bytes left over": {"w": F32 | {"shape": [2], "data_offsets": [0, 8]}},
    "shape and bytes differ": {"w": F32 | {"shape": [2, 2]}},
    "shape overflows": {"w": F32 | {"shape": [1 << 40, 1 << 40]}},
    "negative shape": {"w": F32 | {"shape": [-2, -3]}},
    "shape of booleans": {"w": F32 | {"shape": [True, 6]}},
    "shape of floats": {"w": F32 | {"shape": [2.0, 3.0]}},
    "shape no list": {"w": F32 | {"shape": "23"}},
    "too many axes": {"w": F32 | {"shape": [6] + [1] * 9}},
    "unknown number type": {"w": F32 | {"dtype": "F31"}},
    "number type no text": {"w": F32 | {"dtype": ["F32"]}},
    "field missing": {"w": {"dtype": "F32", "shape": [6]}},
    "field too many": {"w": F32 | {"code": "x"}},
    "entry no object": {"w": [1, 2]},
    "metadata no table": {"__metadata__": [], "w": F32},
    "metadata not of texts": {"__metadata__": {"a": 1}, "w": F32},
    "not JSON": b"{not json}",
    "not UTF-8": b'{"\xff\xfe": 1}',
    "NaN": b'{"w": NaN}',
    "name twice": b'{"w": 1, "w": 2}',
    "field twice": b'{"w": {"dtype": "F32", "dtype": "F16", "shape": [], "data_offsets": [0, 4]}}',
    "deep": b'{"w": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "deep objects": b'{"w":' * 100_000 + b"1" + b"}" * 100_000,
    "a million lists": b'{"w": [' + b"[]," * 1_000_000 + b"[]]}",
    "a million numbers": b'{"w": [' + b"1," * 1_000_000 + b"1]}",
    "too many tensors": {str(n): F32 for n in range(MAX_TENSORS + 1)},
    "overlong number": b'{"w": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("header", UNSOUND.values(), ids=UNSOUND.keys())
def test_an_unsound_header_is_one_sentence_that_names_the_file(
    tmp_path: Path, header: object
) -> None:
    with pytest.raises(WeightsError, match=r"bad\.safetensors") as caught:
        read_header(written(tmp_path / "bad.safetensors", header))
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 400
    assert text.endswith(".")


def test_metadata_full_of_json_is_no_harm(tmp_path: Path) -> None:
    texts = {"ss_tag_frequency": json.dumps({f"tag {n}": [n] for n in range(20_000)})}
    header = read_header(written(tmp_path / "a.safetensors", {"__metadata__": texts, "w": F32}))
    assert header.metadata == texts


CAUSES = {
    b"": "is empty",
    b"<!DOCTYPE html><html><body>Not found</body></html>": "web page",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:00": "text or web page",
    b"\x10\0\0": "incomplete",
    (500).to_bytes(8, "little") + b'{"w": ': "incomplete",
    (MAX_HEADER + 1).to_bytes(8, "little") + b"{" + bytes(100): "bytes long",
    (1 << 63).to_bytes(8, "little") + b"{" + bytes(100): "bytes long",
    bytes(range(128, 256)): "is not a safetensors file",
}


@pytest.mark.parametrize(("content", "cause"), CAUSES.items(), ids=CAUSES.values())
def test_the_likely_cause_is_named(tmp_path: Path, content: bytes, cause: str) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=f"bad.safetensors.*{cause}"):
        read_header(WeightsFile.of(path))


@pytest.mark.parametrize("keep", [9, 60, 100, -1])
def test_a_file_cut_anywhere_is_called_incomplete(tmp_path: Path, keep: int) -> None:
    whole = save({"a": torch.zeros(8), "b": torch.zeros(8)})
    path = tmp_path / "cut.safetensors"
    path.write_bytes(whole[:keep])
    with pytest.raises(WeightsError, match=r"cut\.safetensors.*incomplete"):
        read_header(WeightsFile.of(path))


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"gone\.safetensors cannot be read"):
        WeightsFile.of(tmp_path / "gone.safetensors")
    with pytest.raises(WeightsError, match=r"gone\.safetensors cannot be read"):
        read_header(WeightsFile(str(tmp_path / "gone.safetensors"), 100, 0))


def test_the_header_alone_is_read(tmp_path: Path) -> None:
    """A sparse file of a terabyte is listed as quickly as any other."""
    path = tmp_path / "big.safetensors"
    size = 1 << 40
    file = written(path, {"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}, b"")
    with path.open("r+b") as stream:
        stream.truncate(file.size + size)
    assert read_header(WeightsFile.of(path)).tensors["w"].count == size


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
entries = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F16", "I64", "U8", "F8_E4M3", "X"]) | json_values,
        "shape": st.lists(st.integers(-1, 9), max_size=4) | json_values,
        "data_offsets": st.lists(st.integers(-1, 64), min_size=2, max_size=2) | json_values,
    }
)
headers = st.dictionaries(st.text(max_size=8), entries | json_values, max_size=4)
fuzzed = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def read_all_or_refuse(file: WeightsFile) -> None:
    """Either the file is refused, or every tensor it promises can be read within its bytes."""
    try:
        opened = TensorFile(file)
    except WeightsError:
        return
    with opened:
        for name, entry in opened.header.tensors.items():
            assert 0 <= entry.start <= entry.stop <= file.size
            tensor = opened.read(name)
            assert tuple(tensor.shape) == entry.shape


@fuzzed
@given(header=headers, data=st.binary(max_size=64))
def test_any_json_header_is_read_within_bounds_or_refused(
    tmp_path: Path, header: Any, data: bytes
) -> None:
    read_all_or_refuse(written(tmp_path / "fuzz.safetensors", header, data))


@fuzzed
@given(
    cuts=st.lists(
        st.tuples(st.integers(0, 400), st.integers(0, 6), st.binary(max_size=6)), max_size=4
    )
)
def test_a_mutated_file_is_read_within_bounds_or_refused(
    tmp_path: Path, cuts: list[tuple[int, int, bytes]]
) -> None:
    whole = save({"a": torch.zeros(4, 4), "b": torch.zeros(3).half(), "c": torch.tensor(1)})
    for at, length, put in cuts:
        whole = whole[:at] + put + whole[at + length :]
    path = tmp_path / "fuzz.bin"
    path.write_bytes(whole)
    read_all_or_refuse(WeightsFile.of(path))


def test_floats_between_unaligned_tensors_are_read_right(tmp_path: Path) -> None:
    data = b"\x01" + torch.tensor([1.5, -2.0]).numpy().tobytes()
    header = {
        "a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]},
        "b": {"dtype": "F32", "shape": [2], "data_offsets": [1, 9]},
    }
    with TensorFile(written(tmp_path / "a.safetensors", header, data)) as opened:
        assert opened.read("b").tolist() == [1.5, -2.0]

"""The debug mode that names inputs which a node has written into."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from engine.execution.mutation import changed, fingerprint


def named(inputs: dict[str, Any], write: Callable[[], Any]) -> tuple[str, ...]:
    before = {name: fingerprint(value) for name, value in inputs.items()}
    write()
    return changed(before, inputs)


def test_a_node_that_only_reads_is_not_named() -> None:
    ring: list[Any] = [float("nan")]
    ring.append(ring)
    inputs = {
        "latent": {"samples": torch.rand(1, 4, 2, 2), "ring": ring},
        "model": object(),
        "empty": torch.empty(0, dtype=torch.bfloat16),
        "number": 1,
    }
    assert named(inputs, lambda: inputs["latent"]["samples"] * 2) == ()


@pytest.mark.parametrize("inference", [False, True])
@pytest.mark.parametrize(
    "dtype",
    [torch.float32, torch.bfloat16, torch.bool, torch.int64, torch.complex64, torch.float8_e5m2],
)
def test_one_element_written_in_place_is_noticed(dtype: torch.dtype, *, inference: bool) -> None:
    with torch.inference_mode(inference):
        base = torch.zeros(1000).to(dtype)
        inputs = {"a": [{"deep": base[500:].view(5, 100)}], "b": torch.zeros(3)}
        assert named(inputs, lambda: base[750:751].fill_(1)) == ("a",)


@pytest.mark.parametrize("inference", [False, True])
def test_elements_that_change_places_are_noticed(*, inference: bool) -> None:
    with torch.inference_mode(inference):
        tensor = torch.arange(10.0)
        assert named({"a": tensor}, lambda: tensor.copy_(tensor.flip(0))) == ("a",)


def test_a_write_that_is_taken_back_is_noticed_where_torch_counts_versions() -> None:
    tensor = torch.ones(4)
    assert named({"a": tensor}, lambda: tensor.mul_(2).div_(2)) == ("a",)


def test_tensors_that_are_turned_or_resized_are_noticed() -> None:
    tensor = torch.zeros(2, 3)
    assert named({"a": tensor}, tensor.t_) == ("a",)
    assert named({"a": tensor}, lambda: tensor.resize_(1)) == ("a",)


@pytest.mark.parametrize(
    "write",
    [
        lambda value: value["list"].append(1),
        lambda value: value["list"].__setitem__(0, 2),
        lambda value: value.update(samples=torch.zeros(2)),
        lambda value: value.pop("samples"),
        lambda value: value.update(new=None),
        lambda value: value["array"].fill(3),
    ],
)
def test_containers_and_arrays_that_change_are_noticed(write: Callable[[Any], Any]) -> None:
    value = {"samples": torch.zeros(2), "list": [1], "array": np.zeros(5)}
    other = {"samples": torch.zeros(2)}
    assert named({"other": other, "value": value}, lambda: write(value)) == ("value",)


def test_tensors_without_bytes_to_read_are_told_by_identity() -> None:
    sparse, meta = torch.eye(3).to_sparse(), torch.zeros(3, device="meta")
    inputs = {"sparse": sparse, "meta": meta}
    assert named(inputs, lambda: None) == ()
    assert named(inputs, lambda: sparse.mul_(2)) == ("sparse",)

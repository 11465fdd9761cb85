"""Latents of another size, against the reference and against what each method promises."""

import json
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.sampling.resize import METHODS, resized
from tests.engine.sampling.golden import golden_tensors
from tests.engine.sampling.toy import toy_latent
from tests.support import vectors


def cases() -> list[Any]:
    """The reference's nodes that resize a latent as a whole: id, latent, method."""
    every = json.loads(vectors("sampling", "latent_ops.json").read_text())["cases"]
    found = []
    for case in every:
        last = case["prompt"].get("2", {"class_type": "", "inputs": {}})
        whole = last["inputs"].get("crop") != "center"
        if last["class_type"].startswith("LatentUpscale") and whole:
            key = case["prompt"]["1"]["inputs"]["key"]
            want, method = case["outputs"]["o"]["samples"], last["inputs"]["upscale_method"]
            found.append(pytest.param(key, method, want, case["atol"], id=case["id"]))
    return found


@pytest.mark.vectors
@pytest.mark.parametrize(("key", "method", "want", "atol"), cases())
def test_a_latent_is_resized_as_the_reference_does(
    key: str, method: str, want: str, atol: float
) -> None:
    golden = golden_tensors("sampling", "latent_ops.safetensors")[want]
    found = resized(toy_latent(key), golden.shape[-2], golden.shape[-1], method)
    assert (found - golden).abs().max() <= atol


@pytest.mark.vectors
def test_every_method_is_compared() -> None:
    assert {case.values[1] for case in cases()} == set(METHODS)
    assert len(cases()) >= 2 * len(METHODS)


Sides = st.integers(1, 9)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(Sides, Sides, Sides, Sides)
def test_bislerp_keeps_vectors_as_long_as_their_neighbours(h: int, w: int, H: int, W: int) -> None:
    latent = torch.randn(2, 4, h, w, generator=torch.Generator().manual_seed(h * 10 + w))
    latent[0, :, 0, 0] = 0
    latent[1, :, -1, -1] = -latent[1, :, 0, 0]
    found = resized(latent, H, W, "bislerp")
    assert found.shape == (2, 4, H, W)
    assert found.isfinite().all()
    assert found.norm(dim=1).max() <= latent.norm(dim=1).max() * (1 + 1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_size_changes_nothing(method: str) -> None:
    latent = torch.randn(2, 4, 5, 3, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(resized(latent, 5, 3, method), latent, atol=1e-6)


def test_an_unknown_method_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r'called "lanczos"\. Choose one of: bislerp, nearest-ex'):
        resized(torch.zeros(1, 4, 2, 2), 3, 3, "lanczos")

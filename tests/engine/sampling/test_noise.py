"""Noise is bit for bit the reference's, and no run touches another's."""

import json
from typing import Any

import pytest
import torch

from engine.sampling.brownian import BrownianNoise
from engine.sampling.noise import (
    after_start_noise,
    ddim_mask_noise,
    start_noise,
    step_noise,
)
from engine.sampling.policy import NoiseProfile
from tests.engine.sampling.golden import golden_tensors
from tests.support import vectors


def cases(kind: str) -> list[Any]:
    every = json.loads(vectors("sampling", "noise.json").read_text())["cases"]
    found = [pytest.param(case, id=case["id"]) for case in every if case["kind"] == kind]
    assert found, f"the vectors hold no {kind}"
    return found


def expected(case: dict[str, Any]) -> torch.Tensor:
    return golden_tensors("sampling", "noise.safetensors")[case["out"]]


@pytest.mark.vectors
@pytest.mark.parametrize("case", cases("prepare_noise"))
def test_start_noise_equals_the_reference_bit_for_bit(case: dict[str, Any]) -> None:
    like = torch.zeros(case["shape"], dtype=getattr(torch, case["dtype"]))
    noise = start_noise(like, case["seed"], case["batch_index"])
    assert noise.dtype == like.dtype
    assert torch.equal(noise, expected(case))


@pytest.mark.vectors
@pytest.mark.parametrize("case", cases("prepare_noise"))
def test_draws_go_on_where_the_start_noise_ended(case: dict[str, Any]) -> None:
    like = torch.zeros(case["shape"], dtype=getattr(torch, case["dtype"]))
    generator = after_start_noise(like, case["seed"], case["batch_index"])
    assert torch.randn(4, generator=generator).tolist() == case["global_rng_next4"]


@pytest.mark.vectors
@pytest.mark.parametrize("case", cases("default_noise_sampler"))
def test_step_noise_equals_the_reference_bit_for_bit(case: dict[str, Any]) -> None:
    profile = NoiseProfile.CURRENT if "profile" in case else NoiseProfile.V0_3
    draw = step_noise(torch.zeros(case["shape"]), case["seed"], profile)
    draws = torch.stack([draw() for _ in range(case["draws"])])
    assert torch.equal(draws, expected(case).reshape(draws.shape))


@pytest.mark.vectors
@pytest.mark.parametrize("case", cases("ddim_inpaint_noise"))
def test_ddim_keeps_with_the_noise_of_the_next_seed(case: dict[str, Any]) -> None:
    noise = ddim_mask_noise(torch.zeros(case["shape"]), case["seed"])
    assert torch.equal(noise, expected(case))


@pytest.mark.vectors
@pytest.mark.parametrize("case", cases("brownian"))
def test_brownian_noise_equals_the_reference_bit_for_bit(case: dict[str, Any]) -> None:
    like = torch.zeros(case["shape"])
    path = BrownianNoise(like, case["sigma_min"], case["sigma_max"], case["seed"])
    draws = torch.stack([path(*torch.tensor(query)) for query in case["queries"]])
    assert torch.equal(draws, expected(case).reshape(draws.shape))


@pytest.mark.vectors
def test_every_case_is_compared() -> None:
    every = json.loads(vectors("sampling", "noise.json").read_text())["cases"]
    manifest = json.loads(vectors("sampling", "manifest.json").read_text())
    kinds = {"prepare_noise", "default_noise_sampler", "ddim_inpaint_noise", "brownian"}
    assert len(every) == manifest["groups"]["noise"]["cases"]
    assert {case["kind"] for case in every} == kinds


@pytest.mark.parametrize("profile", NoiseProfile)
def test_the_global_generator_is_neither_read_nor_seeded(profile: NoiseProfile) -> None:
    torch.manual_seed(5)
    want = torch.randn(4)
    torch.manual_seed(5)
    like = torch.zeros(1, 4, 2, 2)
    start_noise(like, 1, profile=profile)
    step_noise(like, 1, profile)()
    ddim_mask_noise(like, 1)
    BrownianNoise(like, 0.1, 10.0, 1)(torch.tensor(8.0), torch.tensor(3.0))
    assert torch.equal(torch.randn(4), want)


def test_the_greatest_seed_has_a_next_one() -> None:
    like = torch.zeros(1, 4, 2, 2)
    last = 2**64 - 1
    assert torch.equal(ddim_mask_noise(like, last), start_noise(like, 0))
    assert torch.equal(step_noise(like, last, NoiseProfile.CURRENT)(), start_noise(like, 0))


def test_a_picture_taken_out_of_a_batch_keeps_its_noise() -> None:
    batch = start_noise(torch.zeros(3, 4, 3, 3), 7, [0, 1, 2])
    alone = start_noise(torch.zeros(1, 4, 3, 3), 7, [2])
    assert torch.equal(alone[0], batch[2])

"""Samplers with options of their own, as the Sampler* nodes make them, against the reference."""

import json
import pickle
from collections.abc import Mapping
from typing import Any

import pytest
import torch

from engine.sampling.custom import sample_custom
from engine.sampling.guiders import CfgGuider
from engine.sampling.noises import SeededNoise
from engine.sampling.policy import NoiseProfile
from engine.sampling.samplers.registry import LCM_UPSCALE, SAMPLERS, Sampler, sampler
from tests.engine.sampling.golden import golden_tensors
from tests.engine.sampling.toy import NEGATIVE, POSITIVE, calls_of, toy_latent, toy_model
from tests.support import vectors


def cases() -> list[Any]:
    every = json.loads(vectors("sampling", "options.json").read_text())["cases"]
    return [pytest.param(case, id=case["id"]) for case in every]


# What each node's sampler is called; its inputs are the sampler's options.
NODES: Mapping[str, Sampler] = {
    "SamplerEulerAncestral": sampler("euler_ancestral"),
    "SamplerEulerAncestralCFGPP": sampler("euler_ancestral_cfg_pp"),
    "SamplerEulerCFGpp": sampler("euler_cfg_pp"),
    "SamplerDPMPP_2S_Ancestral": sampler("dpmpp_2s_ancestral"),
    "SamplerDPMPP_SDE": sampler("dpmpp_sde"),
    "SamplerDPMPP_2M_SDE": sampler("dpmpp_2m_sde"),
    "SamplerDPMPP_3M_SDE": sampler("dpmpp_3m_sde"),
    "SamplerLMS": sampler("lms"),
    "SamplerDPMAdaptative": sampler("dpm_adaptive"),
    "SamplerER_SDE": sampler("er_sde"),
    "SamplerSASolver": sampler("sa_solver"),
    "SamplerLCMUpscale": LCM_UPSCALE,
}


@pytest.mark.vectors
@pytest.mark.parametrize("case", cases())
def test_a_sampler_with_options_gives_the_reference_s_latent(case: dict[str, Any]) -> None:
    model = toy_model(case["model"])
    left, predicted = sample_custom(
        model,
        CfgGuider(model, POSITIVE, NEGATIVE, case["cfg"]),
        SeededNoise(case["seed"]),
        NODES[case["node"]].with_options(**case["options"]),
        torch.tensor(case["sigmas"]),
        {"samples": toy_latent(case["latent"])},
        profile=NoiseProfile.V0_3,
    )
    golden = golden_tensors("sampling", "options.safetensors")
    for got, want in ((left, case["out"]), (predicted, case["x0_last"])):
        assert got["samples"].shape == golden[want].shape
        assert (got["samples"] - golden[want]).abs().max() <= case["atol"]
    assert [call[0] for call in calls_of(model)] == pytest.approx(case["sigmas_called"], rel=2e-6)


@pytest.mark.vectors
def test_every_case_is_compared() -> None:
    groups = json.loads(vectors("sampling", "manifest.json").read_text())["groups"]
    assert len(cases()) == groups["options"]["cases"]
    assert {case.values[0]["node"] for case in cases()} == NODES.keys()


def test_an_option_that_a_sampler_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(ValueError, match=r"has no option called order, tau\. It has: eta, s_n"):
        sampler("euler_ancestral").with_options(eta=0.5, tau=1, order=2)
    with pytest.raises(ValueError, match=r"It has: none\."):
        sampler("ddpm").with_options(eta=0.5)


def test_options_are_part_of_what_a_sampler_is() -> None:
    plain, other = sampler("dpmpp_2m_sde"), sampler("dpmpp_2m_sde").with_options(eta=0.5)
    assert plain != other
    assert plain.name != other.name
    assert other == pickle.loads(pickle.dumps(other))
    assert hash(other) == hash(sampler("dpmpp_2m_sde").with_options(eta=0.5))
    # Said or unsaid, a default is the same.
    assert other.with_options(eta=1.0) == plain
    assert plain.with_options(noise_device="gpu") == sampler("dpmpp_2m_sde_gpu")


def test_options_keep_what_the_sampler_asks_of_the_run() -> None:
    assert sampler("euler_ancestral_cfg_pp").with_options(eta=0.2).needs_uncond
    assert sampler("dpm_2_ancestral").with_options(eta=0.2).discard_penultimate


def test_no_two_names_of_the_menu_are_one_sampler() -> None:
    assert len({sampler(name) for name in SAMPLERS}) == len(SAMPLERS)

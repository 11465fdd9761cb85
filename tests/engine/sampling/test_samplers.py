"""Every sampler we have, against the reference's latents, per-step values and evaluation counts."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from engine.sampling.ksample import SAMPLERS, Stages, Step, ksample
from engine.sampling.noise import NoiseProfile
from tests.engine.sampling.golden import golden_tensors
from tests.engine.sampling.toy import (
    MODEL_KINDS,
    NEGATIVE,
    POSITIVE,
    calls_of,
    toy_latent,
    toy_model,
)
from tests.support import vectors

pytestmark = pytest.mark.vectors


def cases(group: str) -> list[dict[str, Any]]:
    """Cases of `group` whose sampler and kind of model are here."""
    every = json.loads(vectors("sampling", f"{group}.json").read_text())["cases"]
    return [
        case
        for case in every
        if case["sampler"] in SAMPLERS and case["model"].split("+")[0] in MODEL_KINDS
    ]


@dataclass(frozen=True)
class Outcome:
    samples: torch.Tensor
    sigmas: list[float]
    steps: list[Step]


def run(case: dict[str, Any], profile: NoiseProfile) -> Outcome:
    kind, _, form = case["model"].partition("+")
    model = toy_model(kind, form.split()[0] if form else "identity")
    seen: list[Step] = []
    out = ksample(
        model,
        {"samples": toy_latent(case["latent"])},
        seed=case["seed"],
        steps=case["steps"],
        cfg=case["cfg"],
        sampler_name=case["sampler"],
        scheduler=case["scheduler"],
        positive=POSITIVE,
        negative=NEGATIVE,
        denoise=case.get("denoise", 1.0),
        profile=profile,
        on_step=seen.append,
        stages=Stages(
            case.get("start_step"),
            case.get("last_step"),
            not case.get("disable_noise", False),
            case.get("force_full_denoise", False),
        ),
    )
    return Outcome(out["samples"], [sigma for sigma, _ in calls_of(model)], seen)


def check(case: dict[str, Any], group: str, profile: NoiseProfile) -> None:
    got = run(case, profile)
    want = golden_tensors("sampling", f"{group}.safetensors")[case["out"]]
    assert got.samples.shape == want.shape
    assert (got.samples - want).abs().max() <= case["atol"]
    assert got.sigmas == pytest.approx(case["sigmas_called"], rel=2e-6)
    assert len(got.steps) == case["callbacks"]
    assert [step.index for step in got.steps] == list(range(len(got.steps)))


def names(group: str) -> list[Any]:
    return [pytest.param(case, id=case["id"]) for case in cases(group)]


@pytest.mark.parametrize("case", names("samplers"))
def test_a_sampler_gives_the_latent_of_release_0_3(case: dict[str, Any]) -> None:
    check(case, "samplers", NoiseProfile.V0_3)


@pytest.mark.parametrize("case", names("samplers_later"))
def test_a_sampler_gives_the_latent_of_current_releases(case: dict[str, Any]) -> None:
    check(case, "samplers_later", NoiseProfile.CURRENT)


@pytest.mark.parametrize("case", [p for p in names("samplers") if p.values[0].get("trace")])
def test_every_step_reports_the_reference_s_prediction(case: dict[str, Any]) -> None:
    traces = golden_tensors("sampling", "traces.safetensors")
    for step in run(case, NoiseProfile.V0_3).steps:
        want = traces[f"{case['id']}/x0/{step.index}"]
        assert (step.denoised - want).abs().max() <= case["atol"]


def test_every_sampler_we_have_is_compared_on_every_tag() -> None:
    ran = {case["sampler"]: 0 for case in cases("samplers")}
    for case in cases("samplers"):
        ran[case["sampler"]] += 1
    assert sorted(ran) == sorted(SAMPLERS)
    assert all(count >= 13 for count in ran.values())


# The menu as people know it; ours is this list as far as we have the samplers.
MENU = [
    "euler",
    "euler_cfg_pp",
    "euler_ancestral",
    "euler_ancestral_cfg_pp",
    "heun",
    "heunpp2",
    "dpm_2",
    "dpm_2_ancestral",
    "lms",
    "dpm_fast",
    "dpm_adaptive",
    "dpmpp_2s_ancestral",
    "dpmpp_2s_ancestral_cfg_pp",
    "dpmpp_sde",
    "dpmpp_sde_gpu",
    "dpmpp_2m",
    "dpmpp_2m_cfg_pp",
    "dpmpp_2m_sde",
    "dpmpp_2m_sde_gpu",
    "dpmpp_2m_sde_heun",
    "dpmpp_2m_sde_heun_gpu",
    "dpmpp_3m_sde",
    "dpmpp_3m_sde_gpu",
    "ddpm",
    "lcm",
    "ipndm",
    "ipndm_v",
    "deis",
    "res_multistep",
    "res_multistep_cfg_pp",
    "res_multistep_ancestral",
    "res_multistep_ancestral_cfg_pp",
    "gradient_estimation",
    "gradient_estimation_cfg_pp",
    "er_sde",
    "seeds_2",
    "seeds_3",
    "sa_solver",
    "sa_solver_pece",
    "ddim",
    "uni_pc",
    "uni_pc_bh2",
]


def test_the_menu_is_in_the_order_people_know() -> None:
    assert list(SAMPLERS) == [name for name in MENU if name in SAMPLERS]

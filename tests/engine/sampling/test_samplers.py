"""Every sampler, against the reference's latents, per-step values and evaluation counts."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from engine.sampling.ksample import SAMPLERS, Stages, Step, ksample
from engine.sampling.noise import start_noise
from engine.sampling.policy import NoiseProfile
from engine.sampling.samplers.registry import sampler
from tests.engine.sampling.golden import golden_tensors
from tests.engine.sampling.toy import NEGATIVE, POSITIVE, calls_of, toy_latent, toy_model
from tests.support import vectors

pytestmark = pytest.mark.vectors

Case = dict[str, Any]


def cases(group: str) -> list[Case]:
    found: list[Case] = json.loads(vectors("sampling", f"{group}.json").read_text())["cases"]
    return found


def returns_noise(case: Case) -> bool:
    """A fault of the reference: these samplers do not make a run's only step if it goes to 0."""
    uni_pc_or_dpm = case["sampler"].startswith(("uni_pc", "dpm_fast", "dpm_adaptive"))
    return uni_pc_or_dpm and case["steps"] == 1


@dataclass(frozen=True)
class Outcome:
    samples: torch.Tensor
    sigmas: list[float]
    steps: list[Step]


def run(case: Case, profile: NoiseProfile) -> Outcome:
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
    return Outcome(out["samples"], [call[0] for call in calls_of(model)], seen)


def check(case: Case, group: str, profile: NoiseProfile) -> None:
    got = run(case, profile)
    want = golden_tensors("sampling", f"{group}.safetensors")[case["out"]]
    assert got.samples.shape == want.shape
    assert (got.samples - want).abs().max() <= case["atol"]
    assert got.sigmas == pytest.approx(case["sigmas_called"], rel=2e-6)
    assert len(got.steps) == case["callbacks"]
    assert [step.index for step in got.steps] == list(range(len(got.steps)))


def named(some: list[Case]) -> list[Any]:
    return [pytest.param(case, id=case["id"]) for case in some]


EARLIER, LATER = cases("samplers"), cases("samplers_later")
FAULTY = [case for case in EARLIER if returns_noise(case)]


@pytest.mark.parametrize("case", named([case for case in EARLIER if case not in FAULTY]))
def test_a_sampler_gives_the_latent_of_release_0_3(case: Case) -> None:
    check(case, "samplers", NoiseProfile.V0_3)


@pytest.mark.parametrize("case", named(LATER))
def test_a_sampler_gives_the_latent_of_current_releases(case: Case) -> None:
    check(case, "samplers_later", NoiseProfile.CURRENT)


@pytest.mark.parametrize("case", named(FAULTY))
def test_uni_pc_and_dpm_make_the_only_step_where_the_reference_returns_noise(case: Case) -> None:
    got = run(case, NoiseProfile.CURRENT)
    euler = run({**case, "sampler": "euler"}, NoiseProfile.CURRENT)
    assert got.sigmas == euler.sigmas
    assert [(step.index, step.total) for step in got.steps] == [(0, 1)]
    # UniPC ends at sigma 0.001, where a little of the noise is left.
    assert (got.samples - euler.samples).abs().max() < 5e-3

    theirs = golden_tensors("sampling", "samplers.safetensors")[case["out"]]
    scale = theirs / start_noise(torch.zeros(theirs.shape), case["seed"])
    assert torch.allclose(scale, scale.mean(), rtol=1e-5)


@pytest.mark.parametrize("case", named([case for case in EARLIER if case.get("trace")]))
def test_every_step_reports_the_reference_s_prediction(case: Case) -> None:
    traces = golden_tensors("sampling", "traces.safetensors")
    for step in run(case, NoiseProfile.V0_3).steps:
        want = traces[f"{case['id']}/x0/{step.index}"]
        assert (step.denoised - want).abs().max() <= case["atol"]


# The reference reports something else than the latent that was predicted from.
ODD_REPORTS = ("ipndm", "ipndm_v", "deis", "uni_pc", "uni_pc_bh2", "dpm_adaptive")


@pytest.mark.parametrize(
    "case", named([c for c in EARLIER if c.get("trace") and c["sampler"] not in ODD_REPORTS])
)
def test_every_step_reports_the_latent_that_was_predicted_from(case: Case) -> None:
    traces = golden_tensors("sampling", "traces.safetensors")
    for step in run(case, NoiseProfile.V0_3).steps:
        assert (step.x - traces[f"{case['id']}/x/{step.index}"]).abs().max() <= case["atol"]


@pytest.mark.parametrize(
    "case", named([c for c in EARLIER if c["cfg"] == 1.0 and c["sampler"] in ODD_REPORTS])
)
def test_the_others_report_it_too(case: Case) -> None:
    outcome = run(case, NoiseProfile.CURRENT)
    predict = toy_model(case["model"]).predict
    looks = len(outcome.sigmas) // len(outcome.steps)
    for step, sigma in zip(outcome.steps, outcome.sigmas[::looks], strict=True):
        again = predict(step.x, torch.tensor([sigma]), POSITIVE[0][0])
        assert torch.allclose(again, step.denoised, atol=1e-5)


def test_every_case_is_compared() -> None:
    groups = json.loads(vectors("sampling", "manifest.json").read_text())["groups"]
    assert len(EARLIER) == groups["samplers"]["cases"]
    assert len(LATER) == groups["samplers_later"]["cases"]
    assert {case["sampler"] for case in EARLIER + LATER} == set(SAMPLERS)
    assert len({case["sampler"] for case in FAULTY}) == len(FAULTY) == 4
    traced = {case["sampler"] for case in EARLIER if case.get("trace")}
    assert traced == {case["sampler"] for case in EARLIER}


@pytest.mark.parametrize("case", named([c for c in EARLIER if c["callbacks"] and c.get("trace")]))
def test_as_many_steps_are_made_as_the_sampler_says(case: Case) -> None:
    steps = run(case, NoiseProfile.CURRENT).steps
    expected = sampler(case["sampler"]).count(case["steps"])
    if expected is not None:
        assert [step.total for step in steps] == [expected] * len(steps)
    assert all(step.index < step.total for step in steps)
    assert steps[-1].index + 1 == steps[-1].total


# The menu as people know it.
MENU = """
    euler euler_cfg_pp euler_ancestral euler_ancestral_cfg_pp heun heunpp2 exp_heun_2_x0
    exp_heun_2_x0_sde dpm_2 dpm_2_ancestral lms dpm_fast dpm_adaptive dpmpp_2s_ancestral
    dpmpp_2s_ancestral_cfg_pp dpmpp_sde dpmpp_sde_gpu dpmpp_2m dpmpp_2m_cfg_pp dpmpp_2m_sde
    dpmpp_2m_sde_gpu dpmpp_2m_sde_heun dpmpp_2m_sde_heun_gpu dpmpp_3m_sde dpmpp_3m_sde_gpu ddpm lcm
    ipndm ipndm_v deis res_multistep res_multistep_cfg_pp res_multistep_ancestral
    res_multistep_ancestral_cfg_pp gradient_estimation gradient_estimation_cfg_pp er_sde seeds_2
    seeds_3 sa_solver sa_solver_pece ddim uni_pc uni_pc_bh2
"""


def test_the_menu_is_in_the_order_people_know() -> None:
    assert list(SAMPLERS) == MENU.split()

"""Sigma lists of every scheduler, against the reference's."""

import json
from typing import Any

import pytest
import torch

from engine.sampling.beta import beta_cdf, beta_ppf
from engine.sampling.levels import Discrete, Flow
from engine.sampling.schedulers import SCHEDULERS, cut_steps, ksampler_sigmas, scheduler_sigmas
from tests.engine.sampling.toy import MODEL_KINDS
from tests.support import vectors


def cases(scheduler: str) -> list[dict[str, Any]]:
    """Those of the KSampler path for the kinds of model we have.

    Lists with NaN (kl_optimal with one step) are a fault of the reference that we do not share.
    """
    every = json.loads(vectors("sampling", "sigmas.json").read_text())["cases"]
    return [
        case
        for case in every
        if case["scheduler"] == scheduler
        and case["via"] == "KSampler"
        and case["model"] in MODEL_KINDS
        and "nan" not in case["sigmas"]
    ]


@pytest.mark.vectors
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_scheduler_gives_the_reference_s_sigmas(scheduler: str) -> None:
    found = cases(scheduler)
    assert len(found) >= 80
    for case in found:
        sigmas = ksampler_sigmas(
            MODEL_KINDS[case["model"]].levels,
            scheduler,
            case["steps"],
            denoise=case["denoise"],
            discard_penultimate=case["discard_penultimate"],
        )
        assert sigmas.dtype == torch.float32
        assert sigmas.tolist() == pytest.approx(case["sigmas"], rel=2e-6, abs=0), case


@pytest.mark.vectors
def test_every_scheduler_of_the_reference_is_here() -> None:
    every = json.loads(vectors("sampling", "sigmas.json").read_text())["cases"]
    assert {case["scheduler"] for case in every} == set(SCHEDULERS)


def test_the_menu_is_in_the_order_people_know() -> None:
    assert SCHEDULERS == (
        "simple",
        "sgm_uniform",
        "karras",
        "exponential",
        "ddim_uniform",
        "beta",
        "normal",
        "linear_quadratic",
        "kl_optimal",
    )


def test_one_step_of_kl_optimal_goes_from_the_top_to_zero() -> None:
    sigmas = scheduler_sigmas(Discrete(), "kl_optimal", 1)
    assert sigmas.tolist() == pytest.approx([14.6146412, 0.0])


def test_an_unknown_scheduler_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r'no scheduler called "kerras".*karras'):
        scheduler_sigmas(Discrete(), "kerras", 20)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("steps", [1, 2, 3, 20, 150])
def test_sigmas_fall_from_noise_to_nothing(scheduler: str, steps: int) -> None:
    for levels in (Discrete(), Flow(3.0)):
        sigmas = scheduler_sigmas(levels, scheduler, steps)
        assert sigmas[-1] == 0
        assert bool((sigmas.diff() < 0).all())


def test_a_denoise_that_the_spinner_left_just_below_1_is_1() -> None:
    """ddim_uniform shows it: its list is longer than the steps, and only a true cut shortens it."""
    levels = Discrete()
    assert len(ksampler_sigmas(levels, "ddim_uniform", 30)) == 32
    assert len(ksampler_sigmas(levels, "ddim_uniform", 30, denoise=0.99995)) == 32
    assert len(ksampler_sigmas(levels, "ddim_uniform", 30, denoise=0.999)) == 31


def test_a_stopped_run_ends_where_it_stopped_or_is_forced_to_zero() -> None:
    sigmas = torch.tensor([4.0, 3.0, 2.0, 1.0, 0.0])
    assert cut_steps(sigmas, 1, 3).tolist() == [3.0, 2.0, 1.0]
    assert cut_steps(sigmas, None, 2, full_denoise=True).tolist() == [4.0, 3.0, 0.0]
    assert cut_steps(sigmas, 2, 10000, full_denoise=True).tolist() == [2.0, 1.0, 0.0]
    assert len(cut_steps(sigmas, 4)) == 0


@pytest.mark.parametrize(
    ("a", "b"), [(0.6, 0.6), (1.0, 1.0), (0.5, 0.5), (2.0, 5.0), (0.4, 3.0), (50.0, 30.0)]
)
def test_the_beta_quantile_inverts_the_distribution(a: float, b: float) -> None:
    for q in (1e-6, 0.01, 0.3, 0.5, 0.77, 0.999):
        x = beta_ppf(q, a, b)
        assert beta_cdf(x, a, b) == pytest.approx(q, rel=1e-11)
    assert beta_ppf(0.0, a, b) == 0
    assert beta_ppf(1.0, a, b) == 1


def test_beta_quantiles_known_in_closed_form() -> None:
    assert beta_ppf(0.3, 1.0, 1.0) == pytest.approx(0.3, rel=1e-13)
    # Beta(1/2, 1/2) is the arcsine law: x = sin^2(pi q / 2).
    assert beta_ppf(1 / 3, 0.5, 0.5) == pytest.approx(0.25, rel=1e-12)

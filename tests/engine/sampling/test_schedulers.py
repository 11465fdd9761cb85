"""Sigma lists of every scheduler, against the reference's."""

import json
from typing import Any

import pytest
import torch

from engine.sampling.beta import beta_cdf, beta_ppf
from engine.sampling.flow_levels import Flow
from engine.sampling.levels import Discrete
from engine.sampling.schedulers import (
    SCHEDULERS,
    basic_sigmas,
    cut_steps,
    ksampler_sigmas,
    scheduler_sigmas,
)
from tests.engine.sampling.toy import MODEL_KINDS
from tests.support import vectors


def table() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(vectors("sampling", "sigmas.json").read_text())
    return found


def sigmas_of(case: dict[str, Any]) -> torch.Tensor:
    levels, scheduler = MODEL_KINDS[case["model"]].levels, case["scheduler"]
    if case["via"] == "BasicScheduler":
        return basic_sigmas(levels, scheduler, case["steps"], case["denoise"])
    assert case["via"] == "KSampler"
    return ksampler_sigmas(
        levels,
        scheduler,
        case["steps"],
        denoise=case["denoise"],
        discard_penultimate=case["discard_penultimate"],
    )


@pytest.mark.vectors
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_scheduler_gives_the_reference_s_sigmas(scheduler: str) -> None:
    """For every kind of model, by KSampler and by BasicScheduler."""
    every = table()
    found = [case for case in every["cases"] if case["scheduler"] == scheduler]
    assert len(found) >= 140
    for case in found:
        if "nan" in case["sigmas"]:
            continue  # a fault of the reference: see the test of one step of kl_optimal
        sigmas = sigmas_of(case)
        assert sigmas.dtype == torch.float32
        assert sigmas.tolist() == pytest.approx(case["sigmas"], rel=every["rtol"], abs=0), case


@pytest.mark.vectors
def test_every_scheduler_and_model_of_the_reference_is_here() -> None:
    cases = table()["cases"]
    assert len(cases) >= 1303
    assert {case["scheduler"] for case in cases} == set(SCHEDULERS)
    assert {case["model"] for case in cases} <= set(MODEL_KINDS)


@pytest.mark.vectors
def test_one_step_of_kl_optimal_goes_from_the_top_to_zero() -> None:
    """Spec section 14, fixed: the reference divides nothing by nothing and samples noise."""
    broken = [case for case in table()["cases"] if "nan" in case["sigmas"]]
    assert {case["scheduler"] for case in broken} == {"kl_optimal"}
    for case in broken:
        high = MODEL_KINDS[case["model"]].sigma_max
        assert sigmas_of(case).tolist() == [high, 0.0]


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


def test_an_unknown_scheduler_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r'no scheduler called "kerras".*karras'):
        scheduler_sigmas(Discrete(), "kerras", 20)


@pytest.mark.parametrize("steps", [0, -1])
def test_less_than_one_step_is_refused(steps: int) -> None:
    with pytest.raises(ValueError, match="ask for at least 1"):
        ksampler_sigmas(Discrete(), "normal", steps)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("steps", [1, 2, 3, 20, 150])
def test_sigmas_fall_from_noise_to_nothing(scheduler: str, steps: int) -> None:
    for levels in (Discrete(), Flow(3.0)):
        sigmas = scheduler_sigmas(levels, scheduler, steps)
        assert sigmas[-1] == 0
        assert bool((sigmas.diff() < 0).all())


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_ten_thousand_steps_are_a_finite_list(scheduler: str) -> None:
    """Beyond the entries of a table, schedulers that pick from it repeat some, but for beta."""
    sigmas = scheduler_sigmas(Discrete(), scheduler, 10_000)
    assert bool(sigmas.isfinite().all())
    assert bool((sigmas.diff() <= 0).all())
    assert sigmas[-1] == 0


def test_a_denoise_that_the_spinner_left_just_below_1_is_1() -> None:
    """ddim_uniform shows it: its list is longer than the steps, and only a true cut shortens it."""
    levels = Discrete()
    assert len(ksampler_sigmas(levels, "ddim_uniform", 30)) == 32
    assert len(ksampler_sigmas(levels, "ddim_uniform", 30, denoise=0.99995)) == 32
    assert len(ksampler_sigmas(levels, "ddim_uniform", 30, denoise=0.999)) == 31
    assert len(basic_sigmas(levels, "ddim_uniform", 30)) == 31


def test_a_stopped_run_ends_where_it_stopped_or_is_forced_to_zero() -> None:
    sigmas = torch.tensor([4.0, 3.0, 2.0, 1.0, 0.0])
    assert cut_steps(sigmas, 1, 3).tolist() == [3.0, 2.0, 1.0]
    assert cut_steps(sigmas, None, 2, full_denoise=True).tolist() == [4.0, 3.0, 0.0]
    assert cut_steps(sigmas, 2, 10000, full_denoise=True).tolist() == [2.0, 1.0, 0.0]
    assert len(cut_steps(sigmas, 4)) == 0
    assert sigmas.tolist() == [4.0, 3.0, 2.0, 1.0, 0.0]


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

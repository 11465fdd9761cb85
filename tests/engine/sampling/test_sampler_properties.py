"""What samplers promise beyond the reference's numbers."""

import functools
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine.sampling.noise import StepNoise, step_noise
from engine.sampling.policy import NoiseProfile
from engine.sampling.samplers.registry import LCM_UPSCALE, SAMPLERS, Sampler, sampler
from engine.sampling.schedulers import scheduler_sigmas
from tests.engine.sampling.driven import driven, ended, noisy
from tests.engine.sampling.toy import MODEL_KINDS


def sigmas_of(kind: str, steps: int) -> Tensor:
    scheduler = "simple" if MODEL_KINDS[kind].flow else "karras"
    return scheduler_sigmas(MODEL_KINDS[kind].levels, scheduler, steps)


@functools.cache
def exact(kind: str, leaving: int = 0) -> tuple[Tensor, Tensor]:
    """Noise, and where the differential equation dx/ds = (x - D) / s takes it.

    `leaving` says how many of the last of 60 steps are not gone.
    """
    fine = scheduler_sigmas(MODEL_KINDS[kind].levels, "simple", 300)
    x = noisy(kind, fine)
    end = sigmas_of(kind, 60)[60 - leaving]
    fine = torch.cat([fine[fine > end], end[None]])
    return x, ended(sampler("heun"), fine, x, kind=kind)


def off(name: str, chosen: Sampler, kind: str) -> float:
    x, want = exact(kind)
    return float((ended(chosen, sigmas_of(kind, 60), x, kind=kind) - want).abs().max())


# These are of first order, or leave a little noise at the end.
ROUGH = ("euler", "ddim", "heunpp2", "gradient_estimation", "dpm_fast", "dpm_adaptive")
# These always add noise; and the last takes a prediction for another's, as the reference does.
OTHER = ("ddpm", "lcm", "dpmpp_2s_ancestral_cfg_pp")


@pytest.mark.parametrize("kind", ["sd1", "flow3"])
@pytest.mark.parametrize("name", [name for name in SAMPLERS if name not in OTHER])
def test_without_added_noise_all_samplers_come_to_the_same_picture(name: str, kind: str) -> None:
    options: dict[str, Any] = {"solver_type": "ODE"} if name == "er_sde" else {"eta": 0.0}
    try:
        chosen = sampler(name).with_options(**options)
    except ValueError:
        chosen = sampler(name)  # there is none to leave out
    assert off(name, chosen, kind) < (0.15 if name.startswith(ROUGH) else 0.03)


@pytest.mark.parametrize("kind", ["sd1", "flow3"])
@pytest.mark.parametrize("chosen", [*map(sampler, SAMPLERS), LCM_UPSCALE], ids=lambda s: s.name)
def test_the_caller_s_sigmas_stay_as_they_are(chosen: Sampler, kind: str) -> None:
    """The reference's UniPC writes 0.001 into them, and what is cached is another list then."""
    sigmas = sigmas_of(kind, 5)
    before = sigmas.clone()
    ended(chosen, sigmas, noisy(kind, sigmas), kind=kind)
    assert torch.equal(sigmas, before)


@pytest.mark.parametrize("chosen", [*map(sampler, SAMPLERS), LCM_UPSCALE], ids=lambda s: s.name)
def test_states_do_not_change_after_they_were_given(chosen: Sampler) -> None:
    sigmas = sigmas_of("sd1", 6)
    given, copies = [], []
    for state in driven(chosen, sigmas, noisy("sd1", sigmas)):
        given += [state.x, *state.history]
        copies += [tensor.clone() for tensor in (state.x, *state.history)]
    assert all(map(torch.equal, given, copies))


@pytest.mark.parametrize("kind", ["sd1", "flow3"])
@pytest.mark.parametrize(
    "chosen",
    [
        LCM_UPSCALE.with_options(scale_ratio=1.7, upscale_method="bislerp"),
        sampler("dpm_adaptive").with_options(eta=0.5, order=2, dcoeff=0.1, pcoeff=0.2),
        sampler("dpmpp_2m_sde").with_options(eta=0.3, solver_type="heun"),
        sampler("er_sde").with_options(max_stage=2, solver_type="Reverse-time SDE", eta=0.5),
        sampler("euler_cfg_pp").with_options(version="alternative"),
        sampler("lms").with_options(order=6),
        sampler("sa_solver").with_options(simple_order_2=True, predictor_order=2, use_pece=True),
        sampler("seeds_2").with_options(r=0.3, eta=0.7),
    ],
    ids=lambda s: s.name if isinstance(s, Sampler) else s,
)
def test_from_any_state_a_sampler_with_options_goes_on_to_the_same_numbers(
    chosen: Sampler, kind: str
) -> None:
    sigmas = sigmas_of(kind, 7)
    x = noisy(kind, sigmas)

    def source() -> StepNoise:
        return step_noise(x, 1, NoiseProfile.CURRENT, continues=chosen.continues)

    noise = source()
    kept = [(s, noise.state()) for s in driven(chosen, sigmas, x, kind=kind, noise=noise)]
    for state, drawn in kept[:-1]:
        again = source()
        again.restore(drawn)
        assert torch.equal(ended(chosen, sigmas, state, kind=kind, noise=again), kept[-1][0].x)


@pytest.mark.parametrize("name", ["sa_solver", "sa_solver_pece"])
@pytest.mark.parametrize("kind", ["sd1", "flow3"])
def test_sa_solver_keeps_its_last_move_where_noise_is_left(name: str, kind: str) -> None:
    """The reference loses it up to release 0.3, and so does its noise profile only."""
    sigmas = sigmas_of(kind, 60)[:41]
    x, want = exact(kind, leaving=20)
    chosen = sampler(name).with_options(eta=0.0)
    found = {
        profile: (ended(chosen, sigmas, x, kind=kind, profile=profile) - want).abs().max()
        for profile in NoiseProfile
    }
    lost = found.pop(NoiseProfile.V0_3)
    assert max(found.values()) < 1e-3
    assert lost > 0.01


@pytest.mark.parametrize("name", ["uni_pc", "uni_pc_bh2", "dpm_fast", "dpm_adaptive"])
@pytest.mark.parametrize("kind", ["sd1", "flow3"])
def test_a_single_step_is_made(name: str, kind: str) -> None:
    """The reference returns the noise of a run of one step."""
    sigmas = sigmas_of(kind, 1)
    x = noisy(kind, sigmas)
    one = ended(sampler("euler"), sigmas, x, kind=kind)
    assert torch.allclose(ended(sampler(name), sigmas, x, kind=kind), one, atol=5e-3)


@pytest.mark.parametrize("kind", ["sd1", "flow3"])
@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("euler_ancestral", "euler"),
        ("dpm_2_ancestral", "dpm_2"),
        ("euler_ancestral_cfg_pp", "euler_cfg_pp"),
        ("res_multistep_ancestral", "res_multistep"),
    ],
)
def test_eta_0_is_the_sampler_without_noise(name: str, plain: str, kind: str) -> None:
    sigmas = sigmas_of(kind, 7)
    x = noisy(kind, sigmas)
    without = ended(sampler(name).with_options(eta=0.0), sigmas, x, kind=kind)
    assert torch.allclose(without, ended(sampler(plain), sigmas, x, kind=kind), atol=1e-5)


@pytest.mark.parametrize("name", ["dpmpp_sde", "seeds_2"])
def test_a_second_look_nowhere_is_refused(name: str) -> None:
    sigmas = sigmas_of("sd1", 3)
    with pytest.raises(ValueError, match="give an r above 0"):
        ended(sampler(name).with_options(r=0.0), sigmas, noisy("sd1", sigmas))


def test_lms_says_that_it_needs_sigmas_that_differ() -> None:
    sigmas = torch.tensor([9.0, 3.0, 3.0, 0.0])
    with pytest.raises(ValueError, match="Take out those that come twice"):
        ended(sampler("lms"), sigmas, noisy("sd1", sigmas))


def adaptive(**options: Any) -> Sampler:
    return sampler("dpm_adaptive").with_options(**options)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"h_init": 0.0}, "needs an h_init and a tolerance"),
        ({"rtol": 0.0, "atol": 0.0}, "needs an h_init and a tolerance"),
        ({"accept_safety": 2.6}, "none was exact enough"),
    ],
)
def test_dpm_adaptive_says_why_it_cannot_go_on(options: dict[str, Any], sentence: str) -> None:
    """The reference would try for ever."""
    sigmas = sigmas_of("sd1", 5)
    with pytest.raises(ValueError, match=sentence):
        ended(adaptive(**options), sigmas, noisy("sd1", sigmas))


def test_dpm_adaptive_does_not_try_for_ever_when_a_prediction_is_no_number() -> None:
    sigmas = sigmas_of("sd1", 5)
    with pytest.raises(ValueError, match="the model's prediction is not a number"):
        ended(adaptive(), sigmas, noisy("sd1", sigmas) * torch.nan)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(rtol=st.sampled_from([0.1, 0.03, 0.01]), order=st.sampled_from([2, 3]))
def test_dpm_adaptive_takes_more_steps_to_be_more_exact(rtol: float, order: int) -> None:
    sigmas = sigmas_of("sd1", 5)
    x = noisy("sd1", sigmas)
    loose, strict = (
        len(list(driven(adaptive(rtol=tolerance, atol=tolerance / 10, order=order), sigmas, x)))
        for tolerance in (rtol, rtol / 10)
    )
    assert loose < strict


def test_dpm_adaptive_goes_back_to_the_noise_that_it_came_from() -> None:
    sigmas = sigmas_of("sd1", 60)[:-1]
    x = noisy("sd1", sigmas)
    exactly = adaptive(rtol=1e-4, atol=1e-4)
    there = ended(exactly, sigmas, x)
    assert torch.allclose(ended(exactly, sigmas.flip(0), there), x, rtol=1e-2, atol=1e-2)
    with pytest.raises(ValueError, match="set eta to 0"):
        ended(adaptive(eta=0.5), sigmas.flip(0), there)


def test_lcm_upscale_grows_to_the_size_that_was_asked_for() -> None:
    sigmas = sigmas_of("sd1", 6)
    chosen = LCM_UPSCALE.with_options(scale_ratio=2.0, scale_steps=3, upscale_method="bilinear")
    sizes = [tuple(s.x.shape[-2:]) for s in driven(chosen, sigmas, noisy("sd1", sigmas))]
    assert sizes == [(7, 8), (8, 10), (10, 12), (10, 12), (10, 12), (10, 12)]

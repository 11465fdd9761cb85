"""Nodes that make lists of sigmas, and that cut, turn and join them."""

from typing import Annotated

from engine.graph.native import Choice, Range, node
from engine.sampling import curves, step_tables
from engine.sampling import sigmas as lists
from engine.sampling.schedulers import SCHEDULERS, basic_sigmas, beta_sigmas, turbo_sigmas
from nodes.sampled import sampling_of
from nodes.types import MODEL, SIGMAS, Share, Steps

_SCHEDULERS = "sampling/custom_sampling/schedulers"
_SIGMAS = "sampling/custom_sampling/sigmas"
_HALVES = ("high_sigmas", "low_sigmas")

Level = Annotated[float, Range(0.0, 5000.0, 0.01, round=False)]
Rho = Annotated[float, Range(0.0, 100.0, 0.01, round=False)]
BetaNumber = Annotated[float, Range(0.0, 50.0, 0.01, round=False)]


@node("BasicScheduler", category=_SCHEDULERS)
def basic_scheduler(
    *,
    model: MODEL,
    scheduler: Annotated[str, Choice(SCHEDULERS)],
    steps: Steps = 20,
    denoise: Share = 1.0,
) -> SIGMAS:
    """The sigmas that a scheduler visits for a model. Below 1, denoise keeps the last of more."""
    return basic_sigmas(sampling_of(model).levels, scheduler, steps, denoise)


@node("KarrasScheduler", category=_SCHEDULERS)
def karras_scheduler(
    *, steps: Steps = 20, sigma_max: Level = 14.614642, sigma_min: Level = 0.0291675, rho: Rho = 7.0
) -> SIGMAS:
    """Falls in the rho-th root of sigma: the larger rho, the more steps near the picture."""
    return curves.karras(steps, sigma_min, sigma_max, rho)


@node("ExponentialScheduler", category=_SCHEDULERS)
def exponential_scheduler(
    *, steps: Steps = 20, sigma_max: Level = 14.614642, sigma_min: Level = 0.0291675
) -> SIGMAS:
    """Falls evenly in the logarithm of sigma."""
    return curves.exponential(steps, sigma_min, sigma_max)


@node("PolyexponentialScheduler", category=_SCHEDULERS)
def polyexponential_scheduler(
    *, steps: Steps = 20, sigma_max: Level = 14.614642, sigma_min: Level = 0.0291675, rho: Rho = 1.0
) -> SIGMAS:
    """Falls in the logarithm of sigma, as a power of what is left of the way."""
    return curves.polyexponential(steps, sigma_min, sigma_max, rho)


@node("LaplaceScheduler", category=_SCHEDULERS)
def laplace_scheduler(
    *,
    steps: Steps = 20,
    sigma_max: Level = 14.614642,
    sigma_min: Level = 0.0291675,
    mu: Annotated[float, Range(-10.0, 10.0, 0.1, round=False)] = 0.0,
    beta: Annotated[float, Range(0.0, 10.0, 0.1, round=False)] = 0.5,
) -> SIGMAS:
    """Most steps around the sigma exp(mu), the fewer the larger beta; it does not end in 0."""
    return curves.laplace(steps, sigma_min, sigma_max, mu, beta)


@node("VPScheduler", category=_SCHEDULERS)
def vp_scheduler(
    *,
    steps: Steps = 20,
    beta_d: Level = 19.9,
    beta_min: Level = 0.1,
    eps_s: Annotated[float, Range(0.0, 1.0, 0.0001, round=False)] = 0.001,
) -> SIGMAS:
    """The sigmas of the variance-preserving diffusion, from time 1 to eps_s."""
    return curves.variance_preserving(steps, beta_d, beta_min, eps_s)


@node("BetaSamplingScheduler", category=_SCHEDULERS)
def beta_sampling_scheduler(
    *,
    model: MODEL,
    steps: Steps = 20,
    alpha: BetaNumber = 0.6,
    beta: BetaNumber = 0.6,
) -> SIGMAS:
    """The model's sigmas at quantiles of a beta distribution: below 1, most steps at both ends."""
    return beta_sigmas(sampling_of(model).levels, steps, alpha, beta)


@node("SDTurboScheduler", category=_SCHEDULERS)
def sd_turbo_scheduler(
    *,
    model: MODEL,
    steps: Annotated[int, Range(1, 10)] = 1,
    denoise: Share = 1.0,
) -> SIGMAS:
    """The few steps that turbo models were made for: of ten, those that denoise and steps leave."""
    return turbo_sigmas(sampling_of(model).levels, steps, denoise)


@node("AlignYourStepsScheduler", category=_SCHEDULERS)
def align_your_steps_scheduler(
    *,
    model_type: Annotated[str, Choice(("SD1", "SDXL", "SVD"))],
    steps: Steps = 10,
    denoise: Share = 1.0,
) -> SIGMAS:
    """Sigmas that were searched for each family of models; best with about ten steps."""
    return step_tables.align_your_steps(model_type, steps, denoise)


@node("GITSScheduler", category=_SCHEDULERS)
def gits_scheduler(
    *,
    coeff: Annotated[float, Range(0.8, 1.5, 0.05)] = 1.2,
    steps: Annotated[int, Range(2, 1000)] = 10,
    denoise: Share = 1.0,
) -> SIGMAS:
    """Sigmas found from how sampling curves bend; the larger coeff, the more steps at low noise."""
    return step_tables.gits(coeff, steps, denoise)


@node("OptimalStepsScheduler", category=_SCHEDULERS)
def optimal_steps_scheduler(
    *,
    model_type: Annotated[str, Choice(("FLUX", "Wan", "Chroma"))],
    steps: Annotated[int, Range(3, 1000)] = 20,
    denoise: Share = 1.0,
) -> SIGMAS:
    """Sigmas that were searched for rectified-flow models."""
    return step_tables.optimal_steps(model_type, steps, denoise)


@node("SplitSigmas", category=_SIGMAS, output_names=_HALVES)
def split_sigmas(
    *, sigmas: SIGMAS, step: Annotated[int, Range(0, 10000)] = 0
) -> tuple[SIGMAS, SIGMAS]:
    """The sigmas before and from a step, for two samplers that share the way."""
    return lists.split(sigmas, step)


@node("SplitSigmasDenoise", category=_SIGMAS, output_names=_HALVES)
def split_sigmas_denoise(*, sigmas: SIGMAS, denoise: Share = 1.0) -> tuple[SIGMAS, SIGMAS]:
    """The sigmas before and within the last part of the way, as a share of the steps."""
    return lists.split_denoise(sigmas, denoise)


@node("FlipSigmas", category=_SIGMAS)
def flip_sigmas(*, sigmas: SIGMAS) -> SIGMAS:
    """The way back, from the picture to the noise."""
    return lists.flip(sigmas)


@node("SetFirstSigma", category=_SIGMAS)
def set_first_sigma(
    *, sigmas: SIGMAS, sigma: Annotated[float, Range(0.0, 20000.0, 0.001, round=False)] = 136.0
) -> SIGMAS:
    """The list with another first sigma."""
    return lists.with_first(sigmas, sigma)


@node("ExtendIntermediateSigmas", category=_SIGMAS)
def extend_intermediate_sigmas(
    *,
    sigmas: SIGMAS,
    steps: Annotated[int, Range(1, 100)] = 2,
    start_at_sigma: Annotated[float, Range(-1.0, 20000.0, 0.01, round=False)] = -1.0,
    end_at_sigma: Annotated[float, Range(0.0, 20000.0, 0.01, round=False)] = 12.0,
    spacing: Annotated[str, Choice(tuple(lists.SPACINGS))],
) -> SIGMAS:
    """Several steps in place of each that begins between two sigmas; a start of -1 is none."""
    return lists.extend(sigmas, steps, start_at_sigma, end_at_sigma, spacing)


@node("SamplingPercentToSigma", category=_SIGMAS, output_names=("sigma_value",))
def sampling_percent_to_sigma(
    *,
    model: MODEL,
    sampling_percent: Annotated[float, Range(0.0, 1.0, 0.0001)] = 0.0,
    return_actual_sigma: bool = False,
) -> float:
    """The sigma of a model after a part of the way; at its ends, where a prompt's range starts and
    stops, or the model's own highest and lowest sigma.
    """
    sampling = sampling_of(model)
    if return_actual_sigma and sampling_percent in (0.0, 1.0):
        return sampling.sigma_min if sampling_percent else sampling.sigma_max
    return sampling.levels.percent_to_sigma(sampling_percent)

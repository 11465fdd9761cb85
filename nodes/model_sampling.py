"""Nodes that say how a model is sampled: its noise levels, what its network predicts, its noise.

Each appends an option to the MODEL link; nothing is loaded.
"""

from typing import Annotated

from engine.graph.native import Choice, Range, node
from engine.sampling.options.levels import (
    DISCRETE_PREDICTIONS,
    EDM_PREDICTIONS,
    CascadeSampling,
    ContinuousVSampling,
    DiscreteSampling,
    EdmSampling,
    FlowSampling,
    FluxSampling,
    NoiseHabit,
    flux_mu,
)
from engine.sampling.policy import NoiseProfile
from nodes.types import MODEL, Side

_CATEGORY = "advanced/model"
PROFILES = tuple(profile.value for profile in NoiseProfile)

Level = Annotated[float, Range(0.0, 1000.0, 0.001, round=False)]
Shift = Annotated[float, Range(0.0, 100.0, 0.01)]


@node("ModelSamplingDiscrete", category=_CATEGORY, light=True)
def model_sampling_discrete(
    *,
    model: MODEL,
    sampling: Annotated[str, Choice(tuple(DISCRETE_PREDICTIONS))],
    zsnr: bool = False,
) -> MODEL:
    """What the model predicts, on the thousand noise levels of Stable Diffusion; with zsnr the
    last of them is noise alone.
    """
    return model.with_option(DiscreteSampling(sampling, zsnr))


@node("ModelSamplingContinuousEDM", category=_CATEGORY, light=True)
def model_sampling_continuous_edm(
    *,
    model: MODEL,
    sampling: Annotated[str, Choice(tuple(EDM_PREDICTIONS))],
    sigma_max: Level = 120.0,
    sigma_min: Level = 0.002,
) -> MODEL:
    """What the model predicts, on any noise level between two, as EDM tells it to the network."""
    return model.with_option(EdmSampling(sampling, sigma_min, sigma_max))


@node("ModelSamplingContinuousV", category=_CATEGORY, light=True)
def model_sampling_continuous_v(
    *,
    model: MODEL,
    sampling: Annotated[str, Choice(("v_prediction",))],  # noqa: ARG001 - there is one choice
    sigma_max: Level = 500.0,
    sigma_min: Level = 0.03,
) -> MODEL:
    """Velocity, on any noise level between two, told to the network as an angle."""
    return model.with_option(ContinuousVSampling(sigma_min, sigma_max))


@node("ModelSamplingSD3", category=_CATEGORY, light=True)
def model_sampling_sd3(*, model: MODEL, shift: Shift = 3.0) -> MODEL:
    """Rectified flow whose steps lie nearer to the noise the larger the shift, as in SD3."""
    return model.with_option(FlowSampling(shift, 1000.0))


@node("ModelSamplingAuraFlow", category=_CATEGORY, light=True)
def model_sampling_aura_flow(*, model: MODEL, shift: Shift = 1.73) -> MODEL:
    """Rectified flow as in AuraFlow: the network is told times from 0 to 1."""
    return model.with_option(FlowSampling(shift, 1.0))


@node("ModelSamplingFlux", category=_CATEGORY, light=True)
def model_sampling_flux(
    *,
    model: MODEL,
    max_shift: Shift = 1.15,
    base_shift: Shift = 0.5,
    width: Side = 1024,
    height: Side = 1024,
) -> MODEL:
    """Rectified flow as in Flux: the larger the picture, the nearer its steps lie to the noise."""
    return model.with_option(FluxSampling(flux_mu(max_shift, base_shift, width, height)))


@node("ModelSamplingStableCascade", category=_CATEGORY, light=True)
def model_sampling_stable_cascade(*, model: MODEL, shift: Shift = 2.0) -> MODEL:
    """The cosine schedule of Stable Cascade; a larger shift is for larger pictures."""
    return model.with_option(CascadeSampling(shift))


@node("NoiseProfile", "Noise Profile", category="sampling", light=True)
def noise_profile(*, model: MODEL, profile: Annotated[str, Choice(PROFILES)] = "current") -> MODEL:
    """Whose way of drawing random numbers is followed, so that seeds of other programs and of older
    versions give their pictures.
    """
    return model.with_option(NoiseHabit(NoiseProfile(profile)))

"""Nodes that sample with sampler, sigmas, noise and guider from links, and those for noise."""

from engine.graph.native import node
from engine.graph.run import Run
from engine.sampling.custom import add_noise, sample_custom
from engine.sampling.guiders import CfgGuider
from engine.sampling.noises import NoNoise, SeededNoise
from nodes.sampled import sampled, surroundings
from nodes.types import CONDITIONING, GUIDER, LATENT, MODEL, NOISE, SAMPLER, SIGMAS, Cfg, Seed

_CATEGORY = "sampling/custom_sampling"
_NOISE = "sampling/custom_sampling/noise"
_OUTPUTS = ("output", "denoised_output")


@node("SamplerCustom", category=_CATEGORY, lane="device", output_names=_OUTPUTS)
def sampler_custom(
    *,
    run: Run,
    model: MODEL,
    add_noise: bool = True,
    noise_seed: Seed = 0,
    cfg: Cfg = 8.0,
    positive: CONDITIONING,
    negative: CONDITIONING,
    sampler: SAMPLER,
    sigmas: SIGMAS,
    latent_image: LATENT,
) -> tuple[LATENT, LATENT]:
    """Denoises a latent with a sampler over a list of sigmas. The second output is the last look
    at the clean latent, which differs where the list does not end in 0.
    """
    found = sampled(model, run)
    noise = SeededNoise(noise_seed) if add_noise else NoNoise(noise_seed)
    guider = CfgGuider(model, positive, negative, cfg)
    around = surroundings(found, run)
    return sample_custom(found, guider, noise, sampler, sigmas, latent_image, **around)


@node("SamplerCustomAdvanced", category=_CATEGORY, lane="device", output_names=_OUTPUTS)
def sampler_custom_advanced(
    *,
    run: Run,
    noise: NOISE,
    guider: GUIDER,
    sampler: SAMPLER,
    sigmas: SIGMAS,
    latent_image: LATENT,
) -> tuple[LATENT, LATENT]:
    """Denoises a latent as a guider says, from a noise of one's own. The second output is the last
    look at the clean latent, which differs where the list does not end in 0.
    """
    found = sampled(guider.model, run)
    around = surroundings(found, run)
    return sample_custom(found, guider, noise, sampler, sigmas, latent_image, **around)


@node("RandomNoise", category=_NOISE)
def random_noise(*, noise_seed: Seed = 0) -> NOISE:
    """Random noise to start from, and for samplers that draw more."""
    return SeededNoise(noise_seed)


@node("DisableNoise", category=_NOISE)
def disable_noise() -> NOISE:
    """No noise: the latent is sampled as it is."""
    return NoNoise()


@node("AddNoise", category="_for_testing/custom_sampling/noise")
def add_noise_to_latent(
    *, run: Run, model: MODEL, noise: NOISE, sigmas: SIGMAS, latent_image: LATENT
) -> LATENT:
    """Puts the noise between the first and the last sigma on a latent."""
    found = sampled(model, run)
    return add_noise(found, noise, sigmas, latent_image, **surroundings(found, run))

"""KSampler and KSampler (Advanced)."""

from typing import Annotated

from engine.graph.native import Choice, Range, node
from engine.graph.run import Run
from engine.sampling.ksample import SAMPLERS, SCHEDULERS, Stages, ksample
from nodes.sampled import sampled, surroundings
from nodes.types import CONDITIONING, LATENT, MODEL, Cfg, Seed, Share, Steps

Step = Annotated[int, Range(0, 10000)]


@node("KSampler", category="sampling", lane="device")
def k_sampler(
    *,
    run: Run,
    model: MODEL,
    seed: Seed = 0,
    steps: Steps = 20,
    cfg: Cfg = 8.0,
    sampler_name: Annotated[str, Choice(SAMPLERS)],
    scheduler: Annotated[str, Choice(SCHEDULERS)],
    positive: CONDITIONING,
    negative: CONDITIONING,
    latent_image: LATENT,
    denoise: Share = 1.0,
) -> LATENT:
    """Denoises a latent, guided towards the positive and away from the negative prompt."""
    found = sampled(model, run)
    return ksample(
        found,
        latent_image,
        seed=seed,
        steps=steps,
        cfg=cfg,
        sampler_name=sampler_name,
        scheduler=scheduler,
        positive=positive,
        negative=negative,
        denoise=denoise,
        **surroundings(found, run),
    )


@node("KSamplerAdvanced", "KSampler (Advanced)", category="sampling", lane="device")
def k_sampler_advanced(
    *,
    run: Run,
    model: MODEL,
    add_noise: Annotated[str, Choice(("enable", "disable"))],
    noise_seed: Seed = 0,
    steps: Steps = 20,
    cfg: Cfg = 8.0,
    sampler_name: Annotated[str, Choice(SAMPLERS)],
    scheduler: Annotated[str, Choice(SCHEDULERS)],
    positive: CONDITIONING,
    negative: CONDITIONING,
    latent_image: LATENT,
    start_at_step: Step = 0,
    end_at_step: Step = 10000,
    return_with_leftover_noise: Annotated[str, Choice(("disable", "enable"))],
) -> LATENT:
    """Makes a part of the steps, so that several samplers can share the way from noise to picture.

    What a run leaves of its noise is what the next one starts from, with add_noise disabled.
    """
    found = sampled(model, run)
    return ksample(
        found,
        latent_image,
        seed=noise_seed,
        steps=steps,
        cfg=cfg,
        sampler_name=sampler_name,
        scheduler=scheduler,
        positive=positive,
        negative=negative,
        stages=Stages(
            start_at_step,
            end_at_step,
            add_noise=add_noise == "enable",
            full_denoise=return_with_leftover_noise == "disable",
        ),
        **surroundings(found, run),
    )

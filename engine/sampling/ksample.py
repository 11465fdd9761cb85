"""The KSampler: a LATENT, two prompts, a seed, and the names of a sampler and a scheduler."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

from engine.sampling.guiders import CfgGuider
from engine.sampling.latents import fit_latent
from engine.sampling.model import DiffusionModel, Network, network_model
from engine.sampling.noises import NoNoise, SeededNoise, noise_for
from engine.sampling.pipeline import Start, Step, Surroundings, noise_habit, run_sampler
from engine.sampling.resume import Resume
from engine.sampling.samplers.registry import SAMPLERS, sampler
from engine.sampling.schedulers import SCHEDULERS, cut_steps, ksampler_sigmas

__all__ = ["SAMPLERS", "SCHEDULERS", "Resume", "Stages", "Step", "ksample"]

Conditioning = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Stages:
    """The extra choices of KSamplerAdvanced: which part of the schedule, with or without noise."""

    start_at_step: int | None = None
    end_at_step: int | None = None
    add_noise: bool = True
    full_denoise: bool = False


def ksample(
    model: Network | DiffusionModel,
    latent: Mapping[str, Any],
    *,
    seed: int,
    steps: int,
    cfg: float,
    sampler_name: str,
    scheduler: str,
    positive: Conditioning,
    negative: Conditioning,
    denoise: float = 1.0,
    stages: Stages = Stages(),
    **around: Unpack[Surroundings],
) -> dict[str, Any]:
    """A copy of the LATENT dict `latent` with new `samples`: float32 [B, C, h, w], on the CPU.

    `latent` holds `samples` [B, C, h, w] in VAE space and may hold `noise_mask` and `batch_index`.
    `positive` and `negative` are CONDITIONING values. A bare network is sampled as SD1's family.

    Raises ValueError for unknown names, a latent or a prompt made for another family of models,
    and conditioning that cannot be used.
    """
    if not isinstance(model, DiffusionModel):
        model = network_model(model)
    levels = model.sampling.levels
    chosen = sampler(sampler_name)
    sigmas = ksampler_sigmas(
        levels,
        scheduler,
        steps,
        denoise=denoise,
        discard_penultimate=chosen.discard_penultimate,
    )
    sigmas = cut_steps(
        sigmas, stages.start_at_step, stages.end_at_step, full_denoise=stages.full_denoise
    )
    samples = fit_latent(latent, model.format)
    source = SeededNoise(seed) if stages.add_noise else NoNoise(seed)
    noise = noise_for(source, samples, latent, noise_habit(model, around))
    start = Start(samples, noise, seed, latent.get("noise_mask"), latent.get("batch_index"))
    guider = CfgGuider(model, positive, negative, cfg)
    return {**latent, "samples": run_sampler(model, guider, chosen, sigmas, start, **around)}

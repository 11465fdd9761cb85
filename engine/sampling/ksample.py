"""The KSampler: a LATENT, two prompts, a seed, and the names of a sampler and a scheduler."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.sampling.conditioning import Entry, read_conditioning
from engine.sampling.guidance import Guided
from engine.sampling.model import DiffusionModel, Network, network_model
from engine.sampling.noise import NoiseProfile, start_noise
from engine.sampling.pipeline import OnStep, Start, Step, run_sampler
from engine.sampling.resume import NEVER, Resume
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
    device: torch.device | str = "cpu",
    on_step: OnStep | None = None,
    profile: NoiseProfile = NoiseProfile.CURRENT,
    stages: Stages = Stages(),
    resume: Resume = NEVER,
) -> dict[str, Any]:
    """A copy of the LATENT dict `latent` with new `samples`: float32 [B, C, h, w], on the CPU.

    `latent` holds `samples` [B, C, h, w] in VAE space and may hold `noise_mask` and `batch_index`.
    `positive` and `negative` are CONDITIONING values. A bare network is sampled as SD1's family;
    `device` is where it computes. `on_step` is called once for every step; what it raises ends
    the run. With `resume` a run goes on from where an earlier attempt was cut off: the same latent,
    and `on_step` is called for the steps that are still made.

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
    samples = fit_channels(latent["samples"], model.format.channels)
    noise = (
        start_noise(samples, seed, latent.get("batch_index"))
        if stages.add_noise
        else torch.zeros(samples.shape)
    )
    guided = Guided(
        model.predict,
        _entries("positive", positive, model, device),
        _entries("negative", negative, model, device),
        cfg,
        needs_uncond=chosen.needs_uncond,
    )
    start = Start(samples, noise, seed, latent.get("noise_mask"))
    result = run_sampler(
        model,
        guided,
        chosen,
        sigmas,
        start,
        device=device,
        profile=profile,
        on_step=on_step,
        resume=resume,
    )
    return {**latent, "samples": result}


def _entries(
    name: str, value: Conditioning, model: DiffusionModel, device: torch.device | str
) -> tuple[Entry, ...]:
    entries = read_conditioning(value, model.sampling.levels, device)
    for entry in entries:
        width = entry.context.shape[-1]
        if width != model.context_width:
            raise ValueError(
                f"The {name} conditioning is {width} wide and this model takes "
                f"{model.context_width}: it was encoded by the CLIP of another model family. "
                "Connect the CLIP of the same checkpoint."
            )
    return entries


def fit_channels(samples: Tensor, channels: int) -> Tensor:
    """An empty latent [B, C, h, w] made for another family, widened or cut to `channels`.

    Raises ValueError for a latent that is not [B, C, h, w], or has something in it and the wrong
    channels.
    """
    if samples.ndim != 4:
        raise ValueError(
            f"The latent has the shape {list(samples.shape)}; this model takes [batch, {channels}, "
            "height / 8, width / 8]. Make it with Empty Latent Image or VAE Encode."
        )
    if samples.shape[1] == channels:
        return samples
    if bool(samples.any()):
        raise ValueError(
            f"The latent has {samples.shape[1]} channels and this model takes {channels}: it was "
            "made by the VAE of another model family. Encode the picture with this model's VAE."
        )
    return samples.repeat(1, -(-channels // samples.shape[1]), 1, 1)[:, :channels]

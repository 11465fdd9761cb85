"""Sampling as SamplerCustom asks for it: noise, guider, sampler and sigmas are values of their own.

`ksample.py` is the same for the KSampler nodes, which name them.
"""

from collections.abc import Mapping
from typing import Any, Unpack

import torch
from torch import Tensor

from engine.sampling.guiders import Guider
from engine.sampling.latents import fit_latent
from engine.sampling.model import DiffusionModel
from engine.sampling.noises import Noise, noise_for
from engine.sampling.pipeline import Start, Step, Surroundings, noise_habit, run_sampler
from engine.sampling.samplers.registry import Sampler

Latent = dict[str, Any]


def sample_custom(
    model: DiffusionModel,
    guider: Guider,
    noise: Noise,
    sampler: Sampler,
    sigmas: Tensor,
    latent: Mapping[str, Any],
    **around: Unpack[Surroundings],
) -> tuple[Latent, Latent]:
    """What the run leaves, and its last clean prediction: copies of `latent` with new `samples`.

    `model` is `guider.model` made live. Samples are float32 [B, C, h, w] in VAE space, on the CPU.
    Without a step the prediction is what was left. Raises ValueError for a latent, sigmas or
    prompts that the model cannot be sampled with.
    """
    check_sigmas(sigmas, model)
    samples = fit_latent(latent, model.format)
    drawn = noise_for(noise, samples, latent, noise_habit(model, around))
    mask, numbers = latent.get("noise_mask"), latent.get("batch_index")
    start = Start(samples, drawn, noise.seed, mask, numbers)
    last: Tensor | None = None
    tell = around.get("on_step")

    def on_step(step: Step) -> None:
        nonlocal last
        last = step.denoised
        if tell is not None:
            tell(step)

    watched: Surroundings = {**around, "on_step": on_step}
    left = run_sampler(model, guider, sampler, sigmas, start, **watched)
    predicted = left if last is None else model.format.process_out(last.float()).cpu()
    return {**latent, "samples": left}, {**latent, "samples": predicted}


def add_noise(
    model: DiffusionModel,
    noise: Noise,
    sigmas: Tensor,
    latent: Mapping[str, Any],
    **around: Unpack[Surroundings],
) -> Latent:
    """`latent` with the noise that lies between the first and the last of `sigmas` put on it.

    Of a single sigma it is all the noise. Without sigmas the latent comes back as it is. Raises
    ValueError for a latent or sigmas that do not fit the model.
    """
    if len(sigmas) == 0:
        return dict(latent)
    check_sigmas(sigmas, model)
    samples = fit_latent(latent, model.format).float()
    drawn = noise_for(noise, samples, latent, noise_habit(model, around)).float()
    scale = (sigmas[0] - sigmas[-1]).abs() if len(sigmas) > 1 else sigmas[0]
    if bool(samples.any()):
        samples = model.format.process_in(samples)
    noisy = model.sampling.noise_scaling(scale, drawn, samples)
    return {**latent, "samples": torch.nan_to_num(model.format.process_out(noisy), 0.0, 0.0, 0.0)}


def check_sigmas(sigmas: Tensor, model: DiffusionModel) -> None:
    """Raises ValueError for a list that is none, or that was made for another family of models."""
    if sigmas.ndim != 1 or not bool((sigmas.isfinite() & (sigmas >= 0)).all()):
        raise ValueError(
            "The sigmas are no list of finite noise levels from 0 up. Make them with a scheduler."
        )
    if model.sampling.flow and len(sigmas) and float(sigmas.max()) > 1:
        raise ValueError(
            f"The sigmas go up to {float(sigmas.max()):g}, and the noise of this model ends at 1: "
            "they were made for another family. Connect this model to the scheduler."
        )

"""One run: noise and a latent through a sampler, spec section 1, steps 3 to 9.

Everything a KSampler-like node decides (sigmas, noise, guidance) is decided already; `ksample.py`
does so for the KSampler nodes.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from engine.sampling.mask import Masked, latent_mask
from engine.sampling.model import DiffusionModel
from engine.sampling.noise import NoiseProfile, ddim_mask_noise, step_noise
from engine.sampling.resume import NEVER, Resume, begin, name_run, write_state
from engine.sampling.samplers.registry import Sampler
from engine.sampling.samplers.tools import Denoise, State, Tools


@dataclass(frozen=True, slots=True)
class Step:
    """What can be seen of step `index` of `total`.

    `denoised` is the clean prediction and `x` the noisy latent it was made from: float32
    [B, C, h, w], model space, on the device.
    """

    index: int
    total: int
    denoised: Tensor
    x: Tensor


OnStep = Callable[[Step], None]


@dataclass(frozen=True, slots=True)
class Start:
    """Where a run starts: VAE-space `latent` and `noise` [B, C, h, w], and a mask of any size."""

    latent: Tensor
    noise: Tensor
    seed: int
    mask: Tensor | None = None


def run_sampler(
    model: DiffusionModel,
    denoise: Denoise,
    sampler: Sampler,
    sigmas: Tensor,
    start: Start,
    *,
    device: torch.device | str = "cpu",
    profile: NoiseProfile = NoiseProfile.CURRENT,
    on_step: OnStep | None = None,
    resume: Resume = NEVER,
) -> Tensor:
    """The latent after sampling over `sigmas`, in VAE space, float32 [B, C, h, w] on the CPU.

    `sigmas` is float32 [n + 1]; without any, the latent comes back as it is. What `on_step`
    raises ends the run. Steps that an earlier attempt kept in `resume` are not made again, and the
    latent is the same to the last bit.
    """
    if len(sigmas) == 0:
        return start.latent
    sampling = model.sampling
    with torch.no_grad():
        latent = start.latent.to(device, torch.float32)
        # Zeros mean "nothing there yet", and the middle of a shifted latent space is not zero.
        if bool(latent.any()):
            latent = model.format.process_in(latent)
        noise = start.noise.to(device, torch.float32)
        if start.mask is not None:
            kept = ddim_mask_noise(start.noise, start.seed) if sampler.own_mask_noise else noise
            mask = latent_mask(start.mask, latent)
            denoise = Masked(denoise, sampling, mask, latent, kept.to(device, torch.float32))
        full = starts_full(float(sigmas[0]), sampling.sigma_max)
        x = sampling.noise_scaling(sigmas[0], noise, latent, full=full)
        fresh, total = step_noise(x, start.seed, profile), len(sigmas) - 1
        tools = Tools(model=sampling, noise=fresh, report=_reporter(on_step, total))
        run = name_run(sampler.run.__name__, x, sigmas, start.seed, profile)
        state = first = begin(resume, State(0, x), total, fresh, run)
        for state in sampler.run(denoise, first, sigmas, tools):
            if state.step < total:
                resume.keep(partial(write_state, state, fresh, run))
        x = sampling.inverse_noise_scaling(sigmas[-1], state.x)
        return model.format.process_out(x.float()).cpu()


def starts_full(sigma: float, sigma_max: float) -> bool:
    """Whether a run that starts at `sigma` starts from all the noise the model knows."""
    return math.isclose(sigma, sigma_max, rel_tol=1e-5) or sigma > sigma_max


def _reporter(on_step: OnStep | None, total: int) -> Callable[[int, Tensor, Tensor], None]:
    def report(index: int, denoised: Tensor, x: Tensor) -> None:
        if on_step is not None:
            on_step(Step(index, total, denoised, x))

    return report

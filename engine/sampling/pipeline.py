"""One run: noise and a latent through a sampler, spec section 1, steps 3 to 9.

Everything a KSampler-like node decides (sigmas, noise, guidance) is decided already; `ksample.py`
does so for the KSampler nodes, `custom.py` for those that get it from links.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypedDict, Unpack

import torch
from torch import Tensor

from engine.sampling.facts import RunFacts
from engine.sampling.guiders import Guider
from engine.sampling.mask import Masked, latent_mask
from engine.sampling.model import DiffusionModel
from engine.sampling.noise import (
    after_ddim_mask_noise,
    after_start_noise,
    ddim_mask_noise,
    step_noise,
)
from engine.sampling.policy import NoiseProfile
from engine.sampling.resume import NEVER, Moving, Resume, begin, name_run, write_state
from engine.sampling.samplers.registry import Sampler
from engine.sampling.samplers.tools import Denoise, Report, State, Tools


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


class Surroundings(TypedDict, total=False):
    """What a run has around it, whatever it draws; the defaults are for a run on its own.

    `device`: where it computes. `profile`: whose habits of drawing noise it follows; the model's
    own choice goes before it. `on_step`: called once for every step; what it raises ends the run.
    `resume`: steps that an earlier attempt kept there are not made again.
    """

    device: torch.device | str
    profile: NoiseProfile
    on_step: OnStep
    resume: Resume


@dataclass(frozen=True, slots=True)
class Start:
    """Where a run starts: VAE-space `latent` and `noise` [B, C, h, w], and a mask of any size.

    `draws` are the numbers of the draws that `noise` was made of, if they had any.
    """

    latent: Tensor
    noise: Tensor
    seed: int
    mask: Tensor | None = None
    draws: Sequence[int] | None = None


def run_sampler(
    model: DiffusionModel,
    guider: Guider,
    sampler: Sampler,
    sigmas: Tensor,
    start: Start,
    **around: Unpack[Surroundings],
) -> Tensor:
    """The latent after sampling over `sigmas`, in VAE space, float32 [B, C, h, w] on the CPU.

    `sigmas` is float32 [n + 1]; without any, the latent comes back as it is. A run that goes on
    from what an earlier attempt kept gives the same latent to the last bit. Raises ValueError for
    prompts and masks that the model cannot be sampled with.
    """
    if len(sigmas) == 0:
        return start.latent.float().cpu()
    if sampler.resizes and start.mask is not None:
        raise ValueError(
            "This sampler changes the size of the latent, so a noise mask has no place on it. "
            "Take the mask away, or choose another sampler."
        )
    sampling = model.sampling
    with torch.no_grad():
        facts = _facts(model, sampler, sigmas, start, around.get("device", "cpu"))
        denoise = _masked(guider.denoiser(model, facts), model, sampler, facts, start)
        full = starts_full(float(sigmas[0]), sampling.sigma_max)
        x = sampling.noise_scaling(sigmas[0], facts.noise, facts.latent, full=full)
        last = _run(model, sampler, denoise, x, facts, start.draws, around)
        left = sampling.inverse_noise_scaling(sigmas[-1], last.x)
        return model.format.process_out(left.float()).cpu()


def noise_habit(model: DiffusionModel, around: Surroundings) -> NoiseProfile:
    """Whose way of drawing noise a run of `model` follows."""
    return model.profile or around.get("profile", NoiseProfile.CURRENT)


def starts_full(sigma: float, sigma_max: float) -> bool:
    """Whether a run that starts at `sigma` starts from all the noise the model knows."""
    return math.isclose(sigma, sigma_max, rel_tol=1e-5) or sigma > sigma_max


def _facts(
    model: DiffusionModel,
    sampler: Sampler,
    sigmas: Tensor,
    start: Start,
    device: torch.device | str,
) -> RunFacts:
    latent = start.latent.to(device, torch.float32)
    # Zeros mean "nothing there yet", and the middle of a shifted latent space is not zero.
    if bool(latent.any()):
        latent = model.format.process_in(latent)
    return RunFacts(
        latent=latent,
        noise=start.noise.to(device, torch.float32),
        sigmas=sigmas,
        mask=start.mask,
        seed=start.seed,
        needs_uncond=sampler.needs_uncond,
        draws=_draws(start, sampler),
    )


def _draws(start: Start, sampler: Sampler) -> torch.Generator:
    """What the reference's global generator draws next when a run starts."""
    if sampler.own_mask_noise:  # drawn last, whether there is a mask or not
        return after_ddim_mask_noise(start.noise, start.seed)
    return after_start_noise(start.noise, start.seed, start.draws)


def _masked(
    denoise: Denoise, model: DiffusionModel, sampler: Sampler, facts: RunFacts, start: Start
) -> Denoise:
    """`denoise` under the noise mask, if there is one."""
    if facts.mask is None:
        return denoise
    kept = facts.noise
    if sampler.own_mask_noise:
        kept = ddim_mask_noise(start.noise, facts.seed).to(kept)
    mask, change = latent_mask(facts.mask, facts.latent), model.hooks.denoise_mask
    return Masked(denoise, model.sampling, mask, facts.latent, kept, facts.sigmas, change)


def _run(
    model: DiffusionModel,
    sampler: Sampler,
    denoise: Denoise,
    x: Tensor,
    facts: RunFacts,
    draws: Sequence[int] | None,
    around: Surroundings,
) -> State:
    """The last state of the run that starts from `x`, or from what an earlier attempt kept."""
    profile, resume = noise_habit(model, around), around.get("resume", NEVER)
    fresh = step_noise(x, facts.seed, profile, draws, continues=sampler.continues)
    moving = Moving(fresh, facts.draws, facts.memory)
    total = sampler.count(len(facts.sigmas) - 1)
    report = _reporter(around.get("on_step"), total or 1)
    tools = Tools(model.sampling, fresh, report, facts.seed, profile, draws)
    run = name_run(sampler.name, x, facts.sigmas, facts.seed, profile)
    first = begin(resume, State(0, x), total, moving, run, resizes=sampler.resizes)
    last = first
    for state in sampler(denoise, first, facts.sigmas, tools):
        if total is None or state.step < total:
            resume.keep(partial(write_state, state, moving, run))
        last = state
    return last


def _reporter(on_step: OnStep | None, steps: int) -> Report:
    def report(step: int, D: Tensor, x: Tensor, total: int | None = None) -> None:
        if on_step is not None:
            on_step(Step(step, total or steps, D, x))

    return report

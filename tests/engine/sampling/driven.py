"""Samplers run on their own: no guidance, no latent format, nothing around them."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from engine.sampling.noise import StepNoise, step_noise
from engine.sampling.policy import NoiseProfile
from engine.sampling.samplers.registry import Sampler
from engine.sampling.samplers.tools import State, Tools
from tests.engine.sampling.toy import MODEL_KINDS, POSITIVE, toy_x0


def driven(
    sampler: Sampler,
    sigmas: Tensor,
    start: Tensor | State,
    *,
    kind: str = "sd1",
    seed: int = 1,
    profile: NoiseProfile = NoiseProfile.CURRENT,
    noise: StepNoise | None = None,
) -> Iterator[State]:
    """The states of a run of the toy of `kind` over `sigmas` from a noisy latent or a state."""
    first = State(0, start) if isinstance(start, Tensor) else start
    sampling = MODEL_KINDS[kind]

    def denoise(x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        at = sigma.expand(len(x))
        D = toy_x0(x, sampling.alpha(at), at, POSITIVE[0][0])
        return D, D

    noise = noise or step_noise(first.x, seed, profile, continues=sampler.continues)
    tools = Tools(sampling, noise, lambda *_: None, seed, profile)
    return sampler(denoise, first, sigmas, tools)


def ended(sampler: Sampler, sigmas: Tensor, start: Tensor | State, **options: Any) -> Tensor:
    """The latent that such a run leaves."""
    *_, last = driven(sampler, sigmas, start, **options)
    return last.x


def noisy(kind: str, sigmas: Tensor, shape: tuple[int, ...] = (1, 4, 5, 6)) -> Tensor:
    """A latent with nothing in it but noise, at the first of `sigmas`."""
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(7))
    return MODEL_KINDS[kind].noise_scaling(sigmas[0], noise, torch.zeros(shape))

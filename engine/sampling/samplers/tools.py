"""What samplers share: the denoiser interface, states, noise, reports, ancestral step sizes.

Names follow the papers: `x` the noisy latent, `D` the clean prediction at sigma, `U` the same
without the prompt, `d = (x - D) / sigma`, `a` and `b` the sigmas a step goes from and to.

Sigmas are float32 tensors without dimensions, on the CPU: step sizes computed in float64 are more
exact but not the reference's, and where two sigmas nearly cancel the picture would show it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from engine.sampling.model_sampling import ModelSampling


class Denoise(Protocol):
    """The guided model."""

    def __call__(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """`x` float32 [B, C, H, W] at noise level `sigma` [] to (D, U), both shaped like `x`."""
        ...


@dataclass(frozen=True, slots=True)
class Tools:
    """One run's surroundings. `report(i, D, x)` is called once for every step."""

    model: ModelSampling
    noise: Callable[[], Tensor]
    report: Callable[[int, Tensor, Tensor], None]


@dataclass(frozen=True, slots=True)
class State:
    """Where a run stands after `step` steps: with the noise still to be drawn, all that the rest of
    it depends on.

    `x` is the latent at sigmas[step]; `history` is what a sampler remembers of earlier steps, each
    float32 like `x`. Nobody changes these tensors: the next state has new ones.
    """

    step: int
    x: Tensor
    history: tuple[Tensor, ...] = ()


class SamplerFunction(Protocol):
    """From `start` to what is left at sigmas[-1], giving the state after every step.

    `sigmas` is float32 [n + 1]. Started from any state that it gave, a sampler goes on to the very
    same numbers: nothing that a later step needs is kept anywhere else.
    """

    @property
    def __name__(self) -> str: ...

    def __call__(
        self, denoise: Denoise, start: State, sigmas: Tensor, tools: Tools
    ) -> Iterator[State]: ...


def steps(sigmas: Tensor, first: int) -> Iterator[tuple[int, Tensor, Tensor]]:
    """(i, a, b) for every step from number `first` on."""
    for i in range(first, len(sigmas) - 1):
        yield i, sigmas[i], sigmas[i + 1]


def ancestral(a: Tensor, b: Tensor, eta: float = 1.0) -> tuple[Tensor, Tensor]:
    """(down, up): go to sigma `down` without noise, then add noise `up`, to arrive at `b`.

    Karras et al. 2022, arXiv 2206.00364, appendix B; `eta` 0 is no noise. From an infinite `a` the
    whole step is noise.
    """
    if eta == 0:
        return b, torch.zeros(())
    if a.isinf():
        return torch.zeros(()), b
    up = torch.minimum(b, eta * (b**2 * (a**2 - b**2) / a**2).sqrt())
    return (b**2 - up**2).sqrt(), up


def ancestral_flow(a: Tensor, b: Tensor, eta: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """(down, keep, up) for rectified flow: go to `down`, scale by `keep`, add noise `up`."""
    down = b * (1 + (b / a - 1) * eta)
    keep = (1 - b) / (1 - down)
    return down, keep, (b**2 - down**2 * keep**2).sqrt()

"""What samplers share: the denoiser interface, states, noise, reports, ancestral step sizes.

Names follow the papers: `x` the noisy latent, `D` the clean prediction at sigma, `U` the same
without the prompt, `d = (x - D) / sigma`, `a` and `b` the sigmas a step goes from and to.

Sigmas are float32 tensors without dimensions, on the CPU: step sizes computed in float64 are more
exact but not the reference's, and where two sigmas nearly cancel the picture would show it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from engine.sampling.brownian import BrownianNoise, brownian
from engine.sampling.model_sampling import ModelSampling
from engine.sampling.noise import StepNoise
from engine.sampling.policy import NoiseProfile


class Denoise(Protocol):
    """The guided model."""

    def __call__(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """`x` float32 [B, C, H, W] at noise level `sigma` [] to (D, U), both shaped like `x`."""
        ...


class Report(Protocol):
    """Is told of every step, once, when the clean prediction that it starts with is known."""

    def __call__(self, step: int, D: Tensor, x: Tensor, total: int | None = None) -> None:
        """`D` was predicted from `x`. `total` is the number of steps as far as is now known, where
        the sampler decides on it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Tools:
    """One run's surroundings. `noise` gives fresh draws like the latent; `seed`, `profile` and
    `batch_index` are what they were made from.
    """

    model: ModelSampling
    noise: StepNoise
    report: Report
    seed: int
    profile: NoiseProfile
    batch_index: Sequence[int] | None = None

    def brownian(self, x: Tensor, sigmas: Tensor, noise_device: str) -> BrownianNoise:
        """The Brownian path of a run over `sigmas`, drawn on a "cpu" or `x`'s device ("gpu")."""
        gpu = noise_device == "gpu"
        return brownian(x, sigmas, self.seed, self.profile, self.batch_index, gpu=gpu)


@dataclass(frozen=True, slots=True)
class State:
    """Where a run stands after `step` steps: with the noise still to be drawn, all that the rest of
    it depends on.

    `x` is the latent at sigmas[step], or whatever a sampler goes on from there; `history` is what
    it remembers of earlier steps, each float32 like `x`; `numbers` is what it remembers that is no
    tensor. Nobody changes these tensors: the next state has new ones.
    """

    step: int
    x: Tensor
    history: tuple[Tensor, ...] = ()
    numbers: tuple[float, ...] = ()


class SamplerFunction(Protocol):
    """From `start` to what is left at sigmas[-1], giving the state after every step.

    `sigmas` is float32 [n + 1]. Started from any state that it gave, a sampler goes on to the very
    same numbers: nothing that a later step needs is kept anywhere else. What follows from `sigmas`
    and the number of the step is computed again, not kept.
    """

    @property
    def __name__(self) -> str: ...

    def __call__(
        self,
        denoise: Denoise,
        start: State,
        sigmas: Tensor,
        tools: Tools,
        *args: Any,
        **options: Any,
    ) -> Iterator[State]: ...


def steps(sigmas: Tensor, first: int) -> Iterator[tuple[int, Tensor, Tensor]]:
    """(i, a, b) for every step from number `first` on."""
    for i in range(first, len(sigmas) - 1):
        yield i, sigmas[i], sigmas[i + 1]


def half_log_snr(model: ModelSampling, sigma: Tensor) -> Tensor:
    """ln(alpha / sigma), the time of exponential integrators."""
    return ((1 - sigma) / sigma).log() if model.flow else -sigma.log()


def sigma_at(model: ModelSampling, half_log_snr: Tensor) -> Tensor:
    """The sigma whose `half_log_snr` that is."""
    return (-half_log_snr).sigmoid() if model.flow else (-half_log_snr).exp()


def below_pure_noise(model: ModelSampling, sigmas: Tensor) -> Tensor:
    """`sigmas` with a first one whose logarithmic signal-to-noise ratio is finite: a flow starts
    from sigma 1, where there is no signal at all.
    """
    if not model.flow or sigmas[0] < 1:
        return sigmas
    return torch.cat([sigmas.new_tensor([model.levels.percent_to_sigma(1e-4)]), sigmas[1:]])


def ancestral(a: Tensor, b: Tensor, eta: float = 1.0) -> tuple[Tensor, Tensor]:
    """(down, up): go to sigma `down` without noise, then add noise `up`, to arrive at `b`.

    Karras et al. 2022, arXiv 2206.00364, appendix B; `eta` 0 is no noise. From an infinite `a`, and
    upwards, the whole step is noise.
    """
    if eta == 0:
        return b, torch.zeros(())
    # Not `minimum`, which would keep the NaN that those two come to.
    up = torch.fmin(b, eta * (b**2 * (a**2 - b**2) / a**2).sqrt())
    return (b**2 - up**2).sqrt(), up


def ancestral_flow(a: Tensor, b: Tensor, eta: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """(down, keep, up) for rectified flow: go to `down`, scale by `keep`, add noise `up`."""
    down = b * (1 + (b / a - 1) * eta)
    keep = (1 - b) / (1 - down)
    return down, keep, (b**2 - down**2 * keep**2).sqrt()

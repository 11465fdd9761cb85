"""Noise levels of rectified flow: x = (1 - s) x0 + s noise, sigmas from 0 to 1."""

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Flow:
    """Rectified flow with a resolution shift (SD3, AuraFlow, Flux schnell).

    Esser et al. 2024, arXiv 2403.03206, eq. 23.
    """

    shift: float = 1.0
    multiplier: float = 1000.0

    @property
    def flow(self) -> bool:
        return True

    @property
    def table(self) -> Tensor:
        return _flow_table(self, 1000)

    def timestep(self, sigma: Tensor) -> Tensor:
        """Not the inverse of `sigma`: the network is told the shifted time."""
        return sigma * self.multiplier

    def sigma(self, timestep: Tensor) -> Tensor:
        u = timestep / self.multiplier
        return self.shift * u / (1 + (self.shift - 1) * u)

    def percent_to_sigma(self, percent: float) -> float:
        return _flow_percent(self, percent)


@dataclass(frozen=True, slots=True)
class Flux:
    """Flux dev: the shift is exponential in `mu`, and time runs 0..1."""

    mu: float = 1.15

    @property
    def flow(self) -> bool:
        return True

    @property
    def table(self) -> Tensor:
        return _flow_table(self, 10000)

    @property
    def multiplier(self) -> float:
        return 1.0

    def timestep(self, sigma: Tensor) -> Tensor:
        return sigma

    def sigma(self, timestep: Tensor) -> Tensor:
        shift = math.exp(self.mu)
        return shift / (shift + (1 / timestep - 1))

    def percent_to_sigma(self, percent: float) -> float:
        return _flow_percent(self, percent)


@functools.lru_cache(maxsize=32)
def _flow_table(levels: Flow | Flux, size: int) -> Tensor:
    return levels.sigma(torch.arange(1, size + 1) / size * levels.multiplier)


def _flow_percent(levels: Flow | Flux, percent: float) -> float:
    if percent <= 0:
        return 1.0
    if percent >= 1:
        return 0.0
    time = torch.tensor((1 - percent) * levels.multiplier, dtype=torch.float64)
    return float(levels.sigma(time))

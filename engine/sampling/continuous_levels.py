"""Noise levels without steps: networks that are told the noise itself, on a scale of their own."""

import functools
import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from engine.sampling.levels import unlimited_percent


@dataclass(frozen=True, slots=True)
class Continuous:
    """Any sigma between two ends.

    `kind` says what the network is told for a sigma s: "edm" ln(s) / 4 (Karras et al. 2022, arXiv
    2206.00364), "v" the angle 2 atan(s) / pi, "cosmos" the share of noise s / (s + 1).
    """

    low: float = 0.002
    high: float = 80.0
    kind: Literal["edm", "v", "cosmos"] = "edm"

    @property
    def flow(self) -> bool:
        return False

    @property
    def table(self) -> Tensor:
        return _continuous_table(self)

    def timestep(self, sigma: Tensor) -> Tensor:
        match self.kind:
            case "edm":
                return 0.25 * sigma.log()
            case "v":
                return sigma.atan() / math.pi * 2
            case "cosmos":
                return sigma / (sigma + 1)

    def sigma(self, timestep: Tensor) -> Tensor:
        match self.kind:
            case "edm":
                return (timestep / 0.25).exp()
            case "v":
                return (timestep * math.pi / 2).tan()
            case "cosmos":
                # At 1 there is noise alone, of which there is no more than the highest sigma.
                sigma = timestep / (1 - timestep)
                return torch.where(timestep >= 1, self.high, sigma).clamp(max=self.high)

    def percent_to_sigma(self, percent: float) -> float:
        low, high = (math.log(float(self.table[i])) for i in (0, -1))
        return unlimited_percent(percent, lambda left: math.exp(low + (high - low) * left))


@functools.lru_cache(maxsize=32)
def _continuous_table(levels: Continuous) -> Tensor:
    return torch.linspace(math.log(levels.low), math.log(levels.high), 1000).exp()


@dataclass(frozen=True, slots=True)
class Cosine:
    """The cosine schedule of Stable Cascade (Nichol & Dhariwal 2021, arXiv 2102.09672, eq. 17).

    `shift` moves its log signal-to-noise ratio down by 2 ln(shift), for larger pictures (Hoogeboom
    et al. 2023, arXiv 2301.11093, section 2.1).
    """

    shift: float = 2.0

    @property
    def flow(self) -> bool:
        return False

    @property
    def table(self) -> Tensor:
        return _cosine_table(self)

    def timestep(self, sigma: Tensor) -> Tensor:
        """Not the inverse of `sigma`: the network is told the time without the shift."""
        share = 1 / (sigma**2 + 1)
        angle = (share.clamp(0, 1) * _START).sqrt().acos()
        return angle / (math.pi / 2) * (1 + _OFFSET) - _OFFSET

    def sigma(self, timestep: Tensor) -> Tensor:
        share = _signal(timestep) / _START
        if self.shift != 1:
            ratio = (share / (1 - share)).log() - 2 * math.log(self.shift)
            share = ratio.sigmoid()
        share = share.clamp(0.0001, 0.9999)
        return ((1 - share) / share).sqrt()

    def percent_to_sigma(self, percent: float) -> float:
        return unlimited_percent(percent, lambda left: self.sigma(torch.tensor(left)))


# Keeps the first steps from being too small to learn anything from.
_OFFSET = 0.008


def _signal(timestep: Tensor) -> Tensor:
    return torch.cos((timestep + _OFFSET) / (1 + _OFFSET) * math.pi / 2) ** 2


_START = float(_signal(torch.zeros(())))


@functools.lru_cache(maxsize=32)
def _cosine_table(levels: Cosine) -> Tensor:
    return levels.sigma(torch.arange(1, 10001) / 10000)

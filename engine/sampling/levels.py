"""Noise levels: the sigmas a model was trained on, and the timesteps and percents they stand for.

Values only: each class is a few numbers, hashable and picklable; tables are computed from them once
and kept. How a network's output becomes a clean prediction is in `model_sampling.py`, which sigmas
a run visits is in `schedulers.py`.

`timestep` and `sigma` take and give float32 tensors of any shape, on the tensor's device.
"""

import functools
import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

# "Before everything": above any sigma of models whose noise is added without limit.
BEFORE_START = 999999999.9


class Levels(Protocol):
    """What schedulers and samplers ask of a family's noise levels."""

    @property
    def flow(self) -> bool:
        """Rectified flow (x = (1-s) x0 + s noise), or noise added on top (x = x0 + s noise)."""
        ...

    @property
    def table(self) -> Tensor:
        """Sigmas in rising order, float32 [N] on the CPU."""
        ...

    def timestep(self, sigma: Tensor) -> Tensor:
        """What the network is told for `sigma`."""
        ...

    def sigma(self, timestep: Tensor) -> Tensor: ...

    def percent_to_sigma(self, percent: float) -> float:
        """Sigma after `percent` (0..1) of the way from noise to picture."""
        ...


@dataclass(frozen=True, slots=True)
class Discrete:
    """DDPM tables (SD1, SD2, SDXL): beta linear in its square root, or `spacing="linear"` itself.

    `zero_terminal_snr` rescales the table so that its last entry is (nearly) pure noise:
    Lin et al. 2023, arXiv 2305.08891, algorithm 1.
    """

    linear_start: float = 0.00085
    linear_end: float = 0.012
    steps: int = 1000
    spacing: str = "sqrt"
    zero_terminal_snr: bool = False

    @property
    def flow(self) -> bool:
        return False

    @property
    def table(self) -> Tensor:
        return _discrete_table(self)[0]

    def timestep(self, sigma: Tensor) -> Tensor:
        """The index of the nearest table entry in log sigma: the network knows no others."""
        logs = _discrete_table(self)[1].to(sigma.device)
        distance = (sigma.log()[..., None] - logs).abs()
        return distance.argmin(dim=-1).float()

    def sigma(self, timestep: Tensor) -> Tensor:
        logs = _discrete_table(self)[1].to(timestep.device)
        t = timestep.float().clamp(0, self.steps - 1)
        low, part = t.floor().long(), t.frac()
        return ((1 - part) * logs[low] + part * logs[t.ceil().long()]).exp()

    def percent_to_sigma(self, percent: float) -> float:
        if percent <= 0:
            return BEFORE_START
        if percent >= 1:
            return 0.0
        return float(self.sigma(torch.tensor((1 - percent) * (self.steps - 1))))


# The last alpha_bar of a zero-terminal-SNR table: zero would make its sigma infinite.
_ALMOST_NO_SIGNAL = 4.8973451890853435e-08


@functools.lru_cache(maxsize=32)
def _discrete_table(levels: Discrete) -> tuple[Tensor, Tensor]:
    """Sigmas and their logarithms; computed in float64, kept in float32 [steps]."""
    start, end = levels.linear_start, levels.linear_end
    if levels.spacing == "sqrt":
        beta = torch.linspace(start**0.5, end**0.5, levels.steps, dtype=torch.float64) ** 2
    else:
        beta = torch.linspace(start, end, levels.steps, dtype=torch.float64)
    alpha_bar = (1 - beta).cumprod(0)
    if levels.zero_terminal_snr:
        root = alpha_bar.sqrt()
        first, last = root[0].clone(), root[-1].clone()
        alpha_bar = ((root - last) * (first / (first - last))) ** 2
        alpha_bar[-1] = _ALMOST_NO_SIGNAL
    sigmas = ((1 - alpha_bar) / alpha_bar).sqrt()
    return sigmas.float(), sigmas.log().float()


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


@dataclass(frozen=True, slots=True)
class Continuous:
    """Any sigma between two ends.

    `kind="edm"` is told ln(s) / 4 (Karras et al. 2022, arXiv 2206.00364), `kind="v"` the angle
    2 atan(s) / pi.
    """

    low: float = 0.002
    high: float = 80.0
    kind: str = "edm"

    @property
    def flow(self) -> bool:
        return False

    @property
    def table(self) -> Tensor:
        return _continuous_table(self)

    def timestep(self, sigma: Tensor) -> Tensor:
        return 0.25 * sigma.log() if self.kind == "edm" else sigma.atan() / math.pi * 2

    def sigma(self, timestep: Tensor) -> Tensor:
        return (timestep / 0.25).exp() if self.kind == "edm" else (timestep * math.pi / 2).tan()

    def percent_to_sigma(self, percent: float) -> float:
        if percent <= 0:
            return BEFORE_START
        if percent >= 1:
            return 0.0
        low, high = (math.log(float(self.table[i])) for i in (0, -1))
        return math.exp(low + (high - low) * (1 - percent))


@functools.lru_cache(maxsize=32)
def _continuous_table(levels: Continuous) -> Tensor:
    return torch.linspace(math.log(levels.low), math.log(levels.high), 1000).exp()

"""Noise levels: the sigmas a model was trained on, and the timesteps and percents they stand for.

Values only: each class is a few numbers, hashable and picklable; tables are computed from them once
and kept. Here are the levels of the DDPM table; those of rectified flow are in `flow_levels.py`,
those without steps in `continuous_levels.py`. How a network's output becomes a clean prediction is
in `model_sampling.py`, which sigmas a run visits is in `schedulers.py`.

`timestep` and `sigma` take and give float32 tensors of any shape, on the tensor's device.
"""

import functools
from collections.abc import Callable
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


def unlimited_percent(percent: float, sigma: Callable[[float], Tensor | float]) -> float:
    """`percent_to_sigma` of models whose noise has no limit; `sigma` of what is left of the way."""
    if percent <= 0:
        return BEFORE_START
    return 0.0 if percent >= 1 else float(sigma(1 - percent))


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
        return _between(_discrete_table(self)[1].to(timestep.device), timestep.float())

    def percent_to_sigma(self, percent: float) -> float:
        last = self.steps - 1
        return unlimited_percent(percent, lambda left: self.sigma(torch.tensor(left * last)))


@dataclass(frozen=True, slots=True)
class Distilled:
    """Part of a DDPM table, for networks that were distilled to fewer steps (LCM).

    Of every so many entries the last one is kept: a network distilled to 50 steps is told 19, 39,
    ... 999.
    """

    whole: Discrete = Discrete()
    steps: int = 50

    @property
    def flow(self) -> bool:
        return False

    @property
    def stride(self) -> int:
        return self.whole.steps // self.steps

    @property
    def table(self) -> Tensor:
        return _discrete_table(self.whole)[0][self.stride - 1 :: self.stride]

    def timestep(self, sigma: Tensor) -> Tensor:
        logs = self._logs(sigma)
        nearest = (sigma.log()[..., None] - logs).abs().argmin(dim=-1)
        return (nearest * self.stride + self.stride - 1).float()

    def sigma(self, timestep: Tensor) -> Tensor:
        places = (timestep.float() - (self.stride - 1)) / self.stride
        return _between(self._logs(timestep), places)

    def percent_to_sigma(self, percent: float) -> float:
        last = self.whole.steps - 1
        return unlimited_percent(percent, lambda left: self.sigma(torch.tensor(left * last)))

    def _logs(self, like: Tensor) -> Tensor:
        return _discrete_table(self.whole)[1][self.stride - 1 :: self.stride].to(like.device)


def _between(logs: Tensor, places: Tensor) -> Tensor:
    """Sigmas at `places` between the entries of a table that is given by its logarithms."""
    t = places.clamp(0, len(logs) - 1)
    low, part = t.floor().long(), t.frac()
    return ((1 - part) * logs[low] + part * logs[t.ceil().long()]).exp()


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

"""What a network's output means: input scaling, clean prediction, noise scaling. Spec table 4.3.

A `ModelSampling` is a value: noise levels (`levels.py`) and a kind of prediction. The network
itself and guidance are not here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from engine.sampling.levels import Discrete, Levels

# (sigma, sigma_data) to (c_skip, c_out): x0 = c_skip x + c_out output.
Coefficients = Callable[[Tensor, float], tuple[Tensor | float, Tensor]]


def _eps(s: Tensor, _: float) -> tuple[float, Tensor]:
    """Noise prediction (Ho et al. 2020), and the velocity of rectified flow: x - s o."""
    return 1.0, -s


def _v(s: Tensor, sd: float) -> tuple[Tensor, Tensor]:
    """Velocity (Salimans & Ho 2022, arXiv 2202.00512, appendix D)."""
    total = s**2 + sd**2
    return sd**2 / total, -s * sd / total.sqrt()


def _edm(s: Tensor, sd: float) -> tuple[Tensor, Tensor]:
    """EDM preconditioning (Karras et al. 2022, arXiv 2206.00364, table 1)."""
    total = s**2 + sd**2
    return sd**2 / total, s * sd / total.sqrt()


def _x0(s: Tensor, _: float) -> tuple[float, Tensor]:
    """The network says the clean latent itself."""
    return 0.0, s.new_ones(())


PREDICTIONS: Mapping[str, Coefficients] = {
    "eps": _eps,
    "v": _v,
    "edm": _edm,
    "x0": _x0,
    "flow": _eps,
}


@dataclass(frozen=True, slots=True)
class ModelSampling:
    """Levels and prediction of one model. `sigma` arguments are float32 [B] unless they are
    numbers.

    `prediction` is a key of `PREDICTIONS`; `sigma_data` is the spread of clean latents (1, EDM
    0.5).
    """

    levels: Levels = field(default_factory=Discrete)
    prediction: str = "eps"
    sigma_data: float = 1.0

    @property
    def flow(self) -> bool:
        return self.levels.flow

    @property
    def sigma_max(self) -> float:
        return float(self.levels.table[-1])

    @property
    def sigma_min(self) -> float:
        return float(self.levels.table[0])

    def network_input(self, x: Tensor, sigma: Tensor) -> Tensor:
        """`x` [B, C, H, W] as the network expects it."""
        if self.flow:
            return x
        return x / (_per_item(sigma, x) ** 2 + self.sigma_data**2).sqrt()

    def denoised(self, x: Tensor, output: Tensor, sigma: Tensor) -> Tensor:
        """The clean prediction x0 from the network's `output` for `x`, all [B, C, H, W]."""
        skip, out = PREDICTIONS[self.prediction](_per_item(sigma, x), self.sigma_data)
        return x * skip + output * out

    def noise_scaling(
        self, sigma: Tensor, noise: Tensor, latent: Tensor, *, full: bool = False
    ) -> Tensor:
        """`latent` at noise level `sigma` []; `full` when the run starts from the highest level."""
        if self.flow:
            return sigma * noise + (1 - sigma) * latent
        return noise * ((1 + sigma**2).sqrt() if full else sigma) + latent

    def inverse_noise_scaling(self, sigma: Tensor, x: Tensor) -> Tensor:
        """What a run that ended at `sigma` [] leaves in the graph."""
        return x / (1 - sigma) if self.flow else x

    def alpha(self, sigma: Tensor) -> Tensor:
        """The share of signal at `sigma` []: 1, or 1-s for flow."""
        return 1 - sigma if self.flow else torch.ones_like(sigma)


def _per_item(sigma: Tensor, like: Tensor) -> Tensor:
    return sigma.reshape(-1, *[1] * (like.ndim - 1))

"""What a network's output means: input scaling, clean prediction, noise scaling. Spec table 4.3.

A `ModelSampling` is a value: noise levels (`levels.py`) and a kind of prediction. The network
itself and guidance are not here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from engine.sampling.levels import Discrete, Levels

# The spread of clean latents that EDM networks are scaled for.
EDM_SPREAD = 0.5

# (sigma, model sampling) to (c_skip, c_out): x0 = c_skip x + c_out output.
Coefficients = Callable[[Tensor, "ModelSampling"], tuple[Tensor | float, Tensor]]
# (sigma, model sampling) to what x is divided by before the network is given it.
InputDivisor = Callable[[Tensor, "ModelSampling"], Tensor | float]


def _eps(s: Tensor, _: "ModelSampling") -> tuple[float, Tensor]:
    """Noise prediction (Ho et al. 2020), and the velocity of rectified flow: x - s o."""
    return 1.0, -s


def _v(s: Tensor, sampling: "ModelSampling") -> tuple[Tensor, Tensor]:
    """Velocity (Salimans & Ho 2022, arXiv 2202.00512, appendix D)."""
    sd, total = sampling.sigma_data, s**2 + sampling.sigma_data**2
    return sd**2 / total, -s * sd / total.sqrt()


def _edm(s: Tensor, sampling: "ModelSampling") -> tuple[Tensor, Tensor]:
    """EDM preconditioning (Karras et al. 2022, arXiv 2206.00364, table 1)."""
    sd, total = sampling.sigma_data, s**2 + sampling.sigma_data**2
    return sd**2 / total, s * sd / total.sqrt()


def _x0(s: Tensor, _: "ModelSampling") -> tuple[float, Tensor]:
    """The network says the clean latent itself."""
    return 0.0, s.new_ones(())


def _lcm(s: Tensor, sampling: "ModelSampling") -> tuple[Tensor, Tensor]:
    """Consistency function around noise prediction (Luo et al. 2023, arXiv 2310.04378, eq. 9)."""
    t = sampling.levels.timestep(s) * 10
    skip, out = 0.25 / (t**2 + 0.25), t / (t**2 + 0.25).sqrt()
    return out + skip, -s * out


def _cosmos(s: Tensor, _: "ModelSampling") -> tuple[Tensor, Tensor]:
    """Velocity of rectified flow where noise is added without limit: s / (s + 1) is the time."""
    return 1 / (s + 1), -s / (s + 1)


def _unit_variance(s: Tensor, sampling: "ModelSampling") -> Tensor:
    return (s**2 + sampling.sigma_data**2).sqrt()


def _as_it_is(_: Tensor, __: "ModelSampling") -> float:
    return 1.0


def _noise_and_signal(s: Tensor, _: "ModelSampling") -> Tensor:
    return s + 1


@dataclass(frozen=True, slots=True)
class Prediction:
    """A kind of network: how its input is scaled and what its output means.

    `full_start`: a run that starts from all the noise there is starts from a little more, so that
    noise and latent together have the variance that the table means.
    """

    coefficients: Coefficients
    input_divisor: InputDivisor = _unit_variance
    full_start: bool = True


PREDICTIONS: Mapping[str, Prediction] = {
    "eps": Prediction(_eps),
    "v": Prediction(_v),
    "edm": Prediction(_edm),
    "x0": Prediction(_x0),
    "img_to_img": Prediction(_x0, _as_it_is),
    "lcm": Prediction(_lcm),
    "flow": Prediction(_eps, _as_it_is),
    "cosmos": Prediction(_cosmos, _noise_and_signal, full_start=False),
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
        return x / PREDICTIONS[self.prediction].input_divisor(_per_item(sigma, x), self)

    def denoised(self, x: Tensor, output: Tensor, sigma: Tensor) -> Tensor:
        """The clean prediction x0 from the network's `output` for `x`, all [B, C, H, W]."""
        skip, out = PREDICTIONS[self.prediction].coefficients(_per_item(sigma, x), self)
        return x * skip + output * out

    def noise_scaling(
        self, sigma: Tensor, noise: Tensor, latent: Tensor, *, full: bool = False
    ) -> Tensor:
        """`latent` at noise level `sigma` []; `full` when the run starts from the highest level."""
        if self.flow:
            return sigma * noise + (1 - sigma) * latent
        full = full and PREDICTIONS[self.prediction].full_start
        return noise * ((1 + sigma**2).sqrt() if full else sigma) + latent

    def inverse_noise_scaling(self, sigma: Tensor, x: Tensor) -> Tensor:
        """What a run that ended at `sigma` [] leaves in the graph."""
        return x / (1 - sigma) if self.flow else x

    def alpha(self, sigma: Tensor) -> Tensor:
        """The share of signal at `sigma` []: 1, or 1-s for flow."""
        return 1 - sigma if self.flow else torch.ones_like(sigma)


def _per_item(sigma: Tensor, like: Tensor) -> Tensor:
    return sigma.reshape(-1, *[1] * (like.ndim - 1))

"""What flows along LATENT_OPERATION links: functions of latents, as values."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from engine.sampling.blur import blur, gaussian_kernel

# Keep a pixel without any length divisible.
_TONEMAP_FLOOR = 1e-10
_SHARPEN_FLOOR = 1e-6
# What `alpha` is multiplied by.
_SHARPEN_UNIT = 10.0


class LatentOperation(Protocol):
    def __call__(self, latent: Tensor) -> Tensor:
        """`latent` float32 [B, C, h, w] to another like it."""
        ...


@dataclass(frozen=True, slots=True)
class Reinhard:
    """Tone mapping (Reinhard et al. 2002): vectors that are much longer than the picture's usual
    ones are shortened. A larger `multiplier` shortens less.
    """

    multiplier: float

    def __call__(self, latent: Tensor) -> Tensor:
        length = latent.norm(dim=1, keepdim=True) + _TONEMAP_FLOOR
        mean = length.mean(dim=(1, 2, 3), keepdim=True)
        top = (length.std(dim=(1, 2, 3), keepdim=True) * 5 + mean) * self.multiplier
        share = length / top
        toned: Tensor = latent / length * (share / (share + 1)) * top
        return toned


@dataclass(frozen=True, slots=True)
class Sharpen:
    """Sharpens directions and leaves lengths as they are.

    `radius`: of the Gaussian, in cells; `sigma`: its width, as a share of the radius; `alpha`: how
    much.
    """

    radius: int
    sigma: float
    alpha: float

    def __call__(self, latent: Tensor) -> Tensor:
        length = latent.norm(dim=1, keepdim=True) + _SHARPEN_FLOOR
        places = torch.linspace(-1, 1, 2 * self.radius + 1, device=latent.device)
        kernel = gaussian_kernel(places, self.sigma) * -(self.alpha * _SHARPEN_UNIT)
        kernel[self.radius, self.radius] += 1 - kernel.sum()
        sharp: Tensor = blur(latent / length, kernel) * length
        return sharp

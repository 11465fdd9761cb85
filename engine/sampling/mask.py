"""Sampling under a noise mask: 0 keeps the picture, 1 draws it anew.

Only the plain form; models trained for inpainting get their mask as an input of the network.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.sampling.model_sampling import ModelSampling
from engine.sampling.samplers.tools import Denoise


@dataclass(frozen=True, slots=True)
class Masked:
    """A denoiser that is shown the kept part at the right noise level and leaves it as it was.

    `mask`, `latent` (model space) and `noise` are float32 [B, C, h, w] on the device.
    """

    denoise: Denoise
    sampling: ModelSampling
    mask: Tensor
    latent: Tensor
    noise: Tensor

    def __call__(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        kept = self.sampling.noise_scaling(sigma, self.noise, self.latent)
        D, U = self.denoise(x * self.mask + kept * (1 - self.mask), sigma)
        return D * self.mask + self.latent * (1 - self.mask), U


def latent_mask(mask: Tensor, like: Tensor) -> Tensor:
    """A `noise_mask` ([H, W], [b, H, W] or [b, 1, H, W]) as float32 like `like` [B, C, h, w].

    Resized bilinearly, not rounded; repeated over channels, and over the batch and then cut.
    """
    flat = mask.reshape(-1, 1, *mask.shape[-2:]).to(like.device, torch.float32)
    size = (like.shape[-2], like.shape[-1])
    resized = torch.nn.functional.interpolate(flat, size=size, mode="bilinear")
    times = -(-like.shape[0] // resized.shape[0])
    return resized.repeat(times, like.shape[1], 1, 1)[: like.shape[0]]

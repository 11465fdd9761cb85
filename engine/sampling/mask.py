"""Sampling under a noise mask: 0 keeps the picture, 1 draws it anew.

Networks trained for inpainting are shown their mask, too: see `inpaint.py`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.sampling.hooks import DenoiseMask
from engine.sampling.model_sampling import ModelSampling
from engine.sampling.samplers.tools import Denoise


@dataclass(frozen=True, slots=True)
class Masked:
    """A denoiser that is shown the kept part at the right noise level and leaves it as it was.

    `mask`, `latent` (model space) and `noise` are float32 [B, C, h, w] on the device; `sigmas`
    [n + 1] are the run's, for `change`, which may give another mask for each evaluation.
    """

    denoise: Denoise
    sampling: ModelSampling
    mask: Tensor
    latent: Tensor
    noise: Tensor
    sigmas: Tensor
    change: DenoiseMask | None = None

    def __call__(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        mask = self.mask
        if self.change is not None:
            mask = self.change(mask, sigma, self.sigmas, self.sampling)
        kept = self.sampling.noise_scaling(sigma, self.noise, self.latent)
        D, U = self.denoise(x * mask + kept * (1 - mask), sigma)
        return D * mask + self.latent * (1 - mask), U


def latent_mask(mask: Tensor, like: Tensor) -> Tensor:
    """A `noise_mask` ([H, W], [b, H, W] or [b, 1, H, W]) as float32 like `like` [B, C, h, w].

    Resized bilinearly, not rounded; repeated over channels, and over the batch and then cut. Raises
    ValueError when it holds numbers that are none.
    """
    flat = mask.reshape(-1, 1, *mask.shape[-2:]).to(like.device, torch.float32)
    if not bool(flat.isfinite().all()):
        raise ValueError(
            "The noise mask holds numbers that are not finite: the node that made it went wrong."
        )
    size = (like.shape[-2], like.shape[-1])
    resized = torch.nn.functional.interpolate(flat, size=size, mode="bilinear")
    times = -(-like.shape[0] // resized.shape[0])
    return resized.repeat(times, like.shape[1], 1, 1)[: like.shape[0]]

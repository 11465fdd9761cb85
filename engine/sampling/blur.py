"""Latents convolved with one kernel, channel by channel."""

import torch
from torch import Tensor


def gaussian_kernel(places: Tensor, sigma: float) -> Tensor:
    """A Gaussian with width `sigma` at `places` [n] along both axes: [n, n], its sum 1."""
    line = torch.exp(-((places / sigma) ** 2) / 2)
    kernel = line[:, None] * line
    return kernel / kernel.sum()


def blur(x: Tensor, kernel: Tensor) -> Tensor:
    """`x` [B, C, h, w] convolved with `kernel` [n, n], n odd, reflected at its borders.

    Raises ValueError when a side is too short to be reflected.
    """
    reach, channels = kernel.shape[-1] // 2, x.shape[1]
    if min(x.shape[-2:]) <= reach:
        raise ValueError(
            f"A latent of {x.shape[-1]} x {x.shape[-2]} cells is too small for a radius of "
            f"{reach}: it must have more than {reach} on each side. Take a smaller radius."
        )
    padded = torch.nn.functional.pad(x, (reach,) * 4, mode="reflect")
    weights = kernel.to(x).expand(channels, 1, *kernel.shape)
    return torch.nn.functional.conv2d(padded, weights, groups=channels)

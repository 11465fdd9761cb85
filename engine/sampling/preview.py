"""Quick looks at a latent while it is being sampled: one linear map to colours, no VAE."""

import io

import torch
from torch import Tensor

from engine.sampling.latent_format import LatentFormat

JPEG_QUALITY = 95


def latent_to_rgb(x0: Tensor, format: LatentFormat) -> Tensor:
    """The first item of `x0` (model space, float [B, C, h, w]) as uint8 [h, w, 3] on the CPU.

    Of a video [B, C, frames, h, w] the first frame. `format` must have colours.
    """
    first = x0[0] if x0.ndim == 4 else x0[0, :, 0]
    factors = torch.tensor(format.rgb, dtype=torch.float32)
    bias = torch.tensor(format.rgb_bias, dtype=torch.float32)
    return to_bytes(first.detach().cpu().float().movedim(0, -1) @ factors + bias)


def to_bytes(picture: Tensor) -> Tensor:
    """`picture` float [h, w, 3] in -1..1 as uint8."""
    return ((picture + 1) / 2).clamp(0, 1).mul(255).to(torch.uint8)


def jpeg(pixels: Tensor, max_side: int = 512) -> bytes:
    """A JPEG of uint8 [h, w, 3], its longer side `max_side` pixels."""
    # Here, not above: a worker that sends no previews never needs Pillow for them.
    from PIL import Image  # noqa: PLC0415

    height, width = pixels.shape[:2]
    scale = max_side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    image = Image.fromarray(pixels.numpy()).resize(size, Image.Resampling.BILINEAR)
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()

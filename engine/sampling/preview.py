"""Quick looks at a latent while it is being sampled: one linear map to colours, no VAE."""

import io

import torch
from torch import Tensor

from engine.sampling.latent_format import LatentFormat, latent_format

JPEG_QUALITY = 95


def latent_to_rgb(x0: Tensor, format: LatentFormat) -> Tensor:
    """The first item of `x0` (model space, float [B, C, h, w]) as uint8 [h, w, 3] on the CPU."""
    factors = torch.tensor(format.rgb, dtype=torch.float32)
    bias = torch.tensor(format.rgb_bias, dtype=torch.float32)
    pixels = x0[0].detach().cpu().float().movedim(0, -1) @ factors + bias
    return ((pixels + 1) / 2).clamp(0, 1).mul(255).to(torch.uint8)


def latent_to_jpeg(x0: Tensor, max_side: int = 512, format: LatentFormat | None = None) -> bytes:
    """A JPEG of the first item of `x0` [B, C, h, w], its longer side `max_side` pixels.

    `format` defaults to SD1's.
    """
    # Here, not above: a worker that sends no previews never needs Pillow for them.
    from PIL import Image  # noqa: PLC0415

    pixels = latent_to_rgb(x0, format or latent_format("SD15"))
    height, width = pixels.shape[:2]
    scale = max_side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    image = Image.fromarray(pixels.numpy()).resize(size, Image.Resampling.BILINEAR)
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()

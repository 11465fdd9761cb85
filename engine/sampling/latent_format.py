"""How a family of models sees VAE latents: scale, shift, and which colours its channels mean.

The numbers are data (`data/latent_formats.json`). Drawing a preview with them is `preview.py`'s
job.
"""

import functools
import json
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

_TABLE = Path(__file__).parent / "data" / "latent_formats.json"


@dataclass(frozen=True, slots=True)
class LatentFormat:
    """LATENT values in the graph are unscaled VAE space; models work on `(z - shift) * scale`."""

    name: str
    channels: int
    scale: float
    shift: float
    rgb: tuple[tuple[float, float, float], ...]
    rgb_bias: tuple[float, float, float]

    def process_in(self, latent: Tensor) -> Tensor:
        """VAE space to model space, any shape."""
        return (latent - self.shift) * self.scale

    def process_out(self, latent: Tensor) -> Tensor:
        """Model space to VAE space, any shape."""
        return latent / self.scale + self.shift


@functools.cache
def latent_format(name: str) -> LatentFormat:
    """The format called `name`: "SD15", "SDXL", "SD3" or "Flux". Raises KeyError for others."""
    row = json.loads(_TABLE.read_text(encoding="utf-8"))[name]
    return LatentFormat(
        name=name,
        channels=row["channels"],
        scale=row["scale"],
        shift=row["shift"],
        rgb=tuple((r, g, b) for r, g, b in row["rgb"]),
        rgb_bias=tuple(row["rgb_bias"]),
    )

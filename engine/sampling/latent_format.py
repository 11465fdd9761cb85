"""How a family of models sees VAE latents: scale, shift, and which colours its channels mean.

The numbers are data (`data/latent_formats.json`). Drawing a preview with them is `preview.py`'s
job.
"""

import functools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

# In the metadata of a file of weights: which colours the channels of its own latents mean.
OWN_COLOURS = "patchbay.latent_rgb"
_TABLE = Path(__file__).parent / "data" / "latent_formats.json"

Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class LatentFormat:
    """LATENT values in the graph are unscaled VAE space; models work on `(z - shift) * scale`.

    Attributes:
        rgb: red, green and blue of each channel, about -1..1; empty when nobody knows them.
        mean, std: of each channel, which some families take away first; empty for none.
        dimensions: 2 for pictures, 3 for videos, 1 for sounds and shapes.
        taesd: the name of the small decoder for previews, as files are named; empty for none.
    """

    name: str
    channels: int
    scale: float = 1.0
    shift: float = 0.0
    rgb: tuple[Colour, ...] = ()
    rgb_bias: Colour = (0.0, 0.0, 0.0)
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    dimensions: int = 2
    taesd: str = ""

    def process_in(self, latent: Tensor) -> Tensor:
        """VAE space to model space, [B, channels, ...]."""
        if self.mean:
            mean, std = self._spread(latent)
            return (latent - mean) * self.scale / std
        return (latent - self.shift) * self.scale

    def process_out(self, latent: Tensor) -> Tensor:
        """Model space to VAE space, [B, channels, ...]."""
        if self.mean:
            mean, std = self._spread(latent)
            return latent * std / self.scale + mean
        return latent / self.scale + self.shift

    def _spread(self, like: Tensor) -> tuple[Tensor, Tensor]:
        shape = (1, -1, *[1] * (like.ndim - 2))
        mean, std = (torch.tensor(v).view(shape).to(like) for v in (self.mean, self.std))
        return mean, std


@functools.cache
def latent_format(name: str) -> LatentFormat:
    """The format called `name` ("SD15", "SDXL", ...). Raises KeyError for one there is not."""
    return LatentFormat(name, **_fields(_table()[name]))


def with_own_colours(format: LatentFormat, metadata: Mapping[str, str]) -> LatentFormat:
    """`format` with the colours that a file of weights says its latents have, under `OWN_COLOURS`.

    That is a JSON list of a row [red, green, blue] for each channel and one for the bias, numbers
    about -1..1 in model space. Anything else says nothing.
    """
    try:
        rows = json.loads(metadata.get(OWN_COLOURS, "null"))
        *rgb, bias = (_colour(row) for row in rows)
    except (TypeError, ValueError, RecursionError):
        return format
    return replace(format, rgb=tuple(rgb), rgb_bias=bias) if len(rgb) == format.channels else format


def _colour(row: Any) -> Colour:
    """Raises TypeError or ValueError for a row that is no colour."""
    red, green, blue = (float(number) for number in row)
    if not all(math.isfinite(number) for number in (red, green, blue)):
        raise ValueError("a colour has finite numbers")
    return red, green, blue


def latent_formats() -> tuple[str, ...]:
    """The names of all formats."""
    return tuple(_table())


@functools.cache
def _table() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return found


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    """The row with tuples for lists, so that the format is a value."""
    return {
        key: tuple(tuple(v) if isinstance(v, list) else v for v in value)
        if isinstance(value, list)
        else value
        for key, value in row.items()
    }

"""LATENT values before a run: their shape, and what of them is wrong for a model."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from engine.sampling.latent_format import LatentFormat


def fit_latent(latent: Mapping[str, Any], format: LatentFormat) -> Tensor:
    """The `samples` of a LATENT as a model of `format` takes them, [B, C, h, w].

    An empty latent made for another family is widened or cut to the model's channels; one picture
    becomes one frame for models of videos.

    Raises ValueError for samples of another shape, with numbers that are none, or with something in
    them and the wrong channels.
    """
    samples: Tensor | None = latent.get("samples")
    if samples is None:
        raise ValueError(
            "The latent has no samples. Make it with Empty Latent Image or VAE Encode."
        )
    if format.dimensions == 3 and samples.ndim == 4:
        samples = samples.unsqueeze(2)
    if samples.ndim != format.dimensions + 2 or 0 in samples.shape:
        raise ValueError(
            f"The latent has the shape {list(samples.shape)}; this model takes {_shape(format)}. "
            "Make it with Empty Latent Image or VAE Encode."
        )
    if not bool(samples.isfinite().all()):
        raise ValueError(
            "The latent holds numbers that are not finite, so there is nothing to sample from: the "
            "node that made it went wrong."
        )
    return _fit_channels(samples, format.channels)


def _fit_channels(samples: Tensor, channels: int) -> Tensor:
    if samples.shape[1] == channels:
        return samples
    if bool(samples.any()):
        raise ValueError(
            f"The latent has {samples.shape[1]} channels and this model takes {channels}: it was "
            "made by the VAE of another model family. Encode the picture with this model's VAE."
        )
    times = [1] * samples.ndim
    times[1] = -(-channels // samples.shape[1])
    return samples.repeat(times)[:, :channels]


def _shape(format: LatentFormat) -> str:
    sides = {1: "length", 2: "height / 8, width / 8", 3: "frames, height / 8, width / 8"}
    return f"[batch, {format.channels}, {sides[format.dimensions]}]"

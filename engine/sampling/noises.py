"""What flows along NOISE links: where a run's start noise comes from.

Packs bring sources of their own; all that anybody asks of one is in `Noise`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from engine.sampling.noise import start_noise
from engine.sampling.policy import NoiseProfile


class Noise(Protocol):
    """A source of start noise; `seed` (0 .. 2^64 - 1) is also that of the sampler's own noise."""

    @property
    def seed(self) -> int: ...

    def generate_noise(self, input_latent: Mapping[str, Any]) -> Tensor:
        """Noise for a LATENT: shape and dtype of its `samples`, on the CPU."""
        ...


@dataclass(frozen=True, slots=True)
class SeededNoise:
    """Standard normal numbers from a seed; `batch_index` of a latent says which of its draws."""

    seed: int

    def generate_noise(
        self, input_latent: Mapping[str, Any], profile: NoiseProfile = NoiseProfile.CURRENT
    ) -> Tensor:
        like, numbers = input_latent["samples"], input_latent.get("batch_index")
        return start_noise(like, self.seed, numbers, profile)


@dataclass(frozen=True, slots=True)
class NoNoise:
    """Zeros. `seed` is only for the sampler's own noise."""

    seed: int = 0

    def generate_noise(self, input_latent: Mapping[str, Any]) -> Tensor:
        samples: Tensor = input_latent["samples"]
        return torch.zeros(samples.shape, dtype=samples.dtype)


def noise_for(
    source: Noise, samples: Tensor, latent: Mapping[str, Any], habit: NoiseProfile
) -> Tensor:
    """Noise for `latent`, whose samples were made to fit the model: like `samples`, on the CPU.

    Raises ValueError when a pack's source gives another shape.
    """
    fitted = {**latent, "samples": samples}
    if isinstance(source, SeededNoise):
        return source.generate_noise(fitted, habit)
    noise = source.generate_noise(fitted)
    if noise.shape[1:] != samples.shape[1:]:
        raise ValueError(
            f"The noise has the shape {list(noise.shape)} and the latent {list(samples.shape)}: "
            "use a noise node that makes it for the latent it is given."
        )
    return noise

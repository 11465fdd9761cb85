"""The vector that SDXL models get beside the text: the pooled prompt and sizes, as sinusoids.

Sources: the sampling specification, section 9, and the prompt specification, section 4; Podell et
al. 2023 (SDXL), section 2.2; the sinusoids are those of Vaswani et al. 2017, cosines first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.weights.trained import Trained

# Numbers that one size becomes.
_WIDTH = 256
_PERIOD = 10_000
# What a picture is asked to be worth, where a prompt does not say.
_SCORES = {"negative": 2.5}
_SCORE = 6.0


@dataclass(frozen=True, slots=True)
class SizesAdm:
    """SDXL: pooled prompt, height, width, crop and target.

    Attributes:
        length: of the whole vector.
    """

    length: int

    def __call__(
        self, options: Mapping[str, Any], *, width: int, height: int, prompt_type: str
    ) -> Tensor:
        height, width = options.get("height", height), options.get("width", width)
        sizes = (
            height,
            width,
            options.get("crop_h", 0),
            options.get("crop_w", 0),
            options.get("target_height", height),
            options.get("target_width", width),
        )
        return _vector(options, sizes, self.length, prompt_type)


@dataclass(frozen=True, slots=True)
class ScoreAdm:
    """The SDXL refiner: pooled prompt, height, width, crop and an aesthetic score."""

    length: int

    def __call__(
        self, options: Mapping[str, Any], *, width: int, height: int, prompt_type: str
    ) -> Tensor:
        sizes = (
            options.get("height", height),
            options.get("width", width),
            options.get("crop_h", 0),
            options.get("crop_w", 0),
            options.get("aesthetic_score", _SCORES.get(prompt_type, _SCORE)),
        )
        return _vector(options, sizes, self.length, prompt_type)


def family_adm(trained: Trained) -> SizesAdm | ScoreAdm | None:
    """What makes the vector of a network's family; None for a network that takes none."""
    if not trained.vector:
        return None
    return (ScoreAdm if trained.family == "sdxl_refiner" else SizesAdm)(trained.vector)


def _vector(
    options: Mapping[str, Any], sizes: tuple[float, ...], length: int, prompt_type: str
) -> Tensor:
    pooled = options.get("pooled_output")
    wanted = length - _WIDTH * len(sizes)
    if pooled is None or pooled.shape[-1] != wanted:
        there = "none" if pooled is None else f"one of {pooled.shape[-1]} numbers"
        raise ValueError(
            f"The {prompt_type} conditioning has to bring a pooled vector of {wanted} numbers and "
            f"brings {there}: it was encoded by the CLIP of another model family. Connect the CLIP "
            "of the same checkpoint."
        )
    embedded = sinusoids(torch.tensor(sizes, dtype=torch.float32)).reshape(1, -1)
    pooled = pooled.to("cpu", torch.float32).reshape(-1, wanted)
    return torch.cat([pooled, embedded.expand(len(pooled), -1)], dim=1)


def sinusoids(values: Tensor) -> Tensor:
    """Cosines and then sines of `values` [n] at 128 frequencies, float32 [n, 256]."""
    half = _WIDTH // 2
    frequencies = torch.exp(
        -torch.log(torch.tensor(float(_PERIOD))) * torch.arange(half, dtype=torch.float32) / half
    )
    angles = values.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=1)

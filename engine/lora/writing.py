"""Changes written as tensors of a LoRA file, in kohya's names, which every tool reads."""

from collections.abc import Mapping
from functools import lru_cache

import torch
from torch import Tensor

from engine.lora.algorithms.kind import Shape
from engine.lora.stems import stems
from engine.weights.configs import Config

UP, DOWN, ALPHA = ".lora_up.weight", ".lora_down.weight", ".alpha"
DIFFERENCES = {"weight": ".diff", "bias": ".diff_b"}
# Of a network's kohya names those that tell its text networks apart.
_PREFERRED = "lora_te1_"


@lru_cache(maxsize=16)
def stem_of(config: Config, several_texts: bool = False) -> Mapping[str, str]:
    """Live module to its stem. ``several_texts`` says that there is another text network."""
    found: dict[str, str] = {}
    for stem in stems(config):
        if stem.dialect != "kohya" or "class_embedding" in stem.text:
            continue
        better = several_texts and stem.text.startswith(_PREFERRED)
        if better or stem.module not in found:
            found[stem.module] = stem.text
    return found


def product(stem: str, up: Tensor, down: Tensor, shape: Shape) -> dict[str, Tensor]:
    """up [out, r] @ down [r, columns] as it is, so with alpha = r, for a weight of ``shape``."""
    rank = len(down)
    ones = (1,) * (len(shape) - 2)
    return {
        stem + UP: up.reshape(len(up), rank, *ones).contiguous(),
        stem + DOWN: down.reshape(rank, *shape[1:]).contiguous(),
        stem + ALPHA: torch.tensor(float(rank)),
    }

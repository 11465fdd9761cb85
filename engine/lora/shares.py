"""Where a LoRA acts: the size of its change in every block, from its factors alone.

Reads the numbers of a file, once; the base is not read. What an algorithm changes is measured by
the Frobenius norm of a * D at strength 1. Of a product that is ||up down||^2 = sum over (up^T up) *
(down down^T), so nothing of the weight's size is made. Changes that depend on the weight have no
size of their own and are counted apart.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt

import torch
from torch import Tensor

from engine.lora.algorithms import KINDS
from engine.lora.algorithms.dora import has_magnitude
from engine.lora.blocks import blocks_of
from engine.lora.keys import part_targets
from engine.lora.match import Fit, match_part
from engine.lora.steps import Step, read_step
from engine.weights.configs import Config
from engine.weights.handles import WeightsFile
from engine.weights.part import Part
from engine.weights.tensors import TensorFile

# How modules outside of all blocks are called.
REST = "rest"


@dataclass(frozen=True, slots=True)
class Shares:
    """How a LoRA's change is spread.

    Attributes:
        blocks: for each block that it changes the share of the sum of squares, together 1.
        norm: of all of it, the root of that sum.
        dependent: changes that are left out, because they depend on the weight they change.
        without_effect: changes that are all zeros, as of a module that was not trained.
    """

    blocks: Mapping[str, float]
    norm: float
    dependent: int
    without_effect: int


def norm_shares(file: WeightsFile, parts: Iterable[Part[Config]]) -> Shares:
    """Measure ``file`` as it acts on ``parts``. Remembered while the files are unchanged.

    Raises:
        WeightsError: a file is unusable.
    """
    blocks: dict[str, float] = {}
    dependent = without = 0
    for squares, left_out in (_squares(file, part) for part in parts):
        dependent += left_out
        for block, square in squares:
            blocks[block] = blocks.get(block, 0.0) + square
            without += square == 0
    total = sum(blocks.values())
    shares = {block: square / total for block, square in blocks.items()} if total else {}
    return Shares(shares, sqrt(total), dependent, without)


@lru_cache(maxsize=32)
def _squares(file: WeightsFile, part: Part[Config]) -> tuple[tuple[tuple[str, float], ...], int]:
    """Of each change its block and its squared norm; and how many have none."""
    places, shapes = blocks_of(part.config), part_targets(part).shapes
    found, dependent = [], 0
    with TensorFile(file) as tensors:
        for parameter, fit in match_part(file, part).fits.items():
            if _depends(fit):
                dependent += 1
                continue
            step = read_step(tensors, fit, 1.0, torch.device("cpu"))
            block = places[parameter.rpartition(".")[0]] or REST
            found.append((block, _square(step, shapes[parameter])))
    return tuple(found), dependent


def _depends(fit: Fit) -> bool:
    return not KINDS[fit.change.kind].additive or has_magnitude(fit.change.factors)


def _square(step: Step, shape: tuple[int, ...]) -> float:
    if not step.is_product:
        whole = shape if step.rows is None else (step.rows.total, *shape[1:])
        delta = KINDS[step.kind].delta(step.factors, torch.empty(whole, device="meta"))
        return _norm(_cut(delta, step), step.scale)
    up, down = _cut(step.factors["up"].flatten(1), step), step.factors["down"].flatten(1)
    square = ((up.T @ up) * (down @ down.T)).sum().item()
    return max(0.0, step.scale**2 * square)


def _norm(delta: Tensor, scale: float) -> float:
    return float((scale * delta.norm()).item() ** 2)


def _cut(delta: Tensor, step: Step) -> Tensor:
    return delta if step.rows is None else step.rows.cut(delta)

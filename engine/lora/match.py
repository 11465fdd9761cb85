"""Which modules of a network a LoRA file changes, and where it does not fit. Headers only."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod

from engine.lora.file import Factors, LoraFile, read_lora
from engine.lora.keys import Target, part_targets
from engine.weights.checkpoint import Part
from engine.weights.configs import Config
from engine.weights.handles import WeightsFile


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A module whose name is known and whose shape is not the one the file was made for.

    ``file_shape`` is [out, in] or [out, in, kh, kw] as the factors give it.
    """

    module: str
    file_shape: tuple[int, ...]
    model_shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """A file held against one network.

    Attributes:
        fits: by live parameter name, the factors that change it.
        mismatched: modules that are left alone because of their shape.
        repeated: stems that name a parameter which another stem of the file named before.
        known: all stems of the file that name a module of this network.
    """

    fits: Mapping[str, Factors]
    mismatched: tuple[Mismatch, ...]
    repeated: tuple[str, ...]
    known: frozenset[str]


def match(lora: LoraFile, targets: Mapping[str, Target]) -> Match:
    """Hold ``lora`` against the network that ``targets`` describes."""
    fits: dict[str, Factors] = {}
    mismatched, repeated = [], []
    # The table's order is the order of preference among names for the same module.
    for stem in (stem for stem in targets if stem in lora.factors):
        factors, target = lora.factors[stem], targets[stem]
        if not _fits(lora, factors, target.shape):
            module = target.parameter.removesuffix(".weight")
            mismatched.append(Mismatch(module, _shape_made_for(lora, factors), target.shape))
        elif target.parameter in fits:
            repeated.append(stem)
        else:
            fits[target.parameter] = factors
    known = frozenset(stem for stem in (*lora.factors, *lora.unsupported) if stem in targets)
    return Match(fits, tuple(mismatched), tuple(repeated), known)


@lru_cache(maxsize=128)
def match_part(file: WeightsFile, part: Part[Config]) -> Match:
    """``match`` for a part of a checkpoint; remembered while both files are unchanged."""
    return match(read_lora(file), part_targets(part))


def _fits(lora: LoraFile, factors: Factors, shape: tuple[int, ...]) -> bool:
    """Whether the product of the factors has as many rows and columns as the weight.

    Two-dimensional factors on a 1x1 convolution, and four-dimensional ones on a linear layer, fit.
    """
    if len(shape) < 2:
        return False
    out, columns = shape[0], prod(shape[1:])
    up, down = lora.shapes[factors.up], lora.shapes[factors.down]
    if not up or not down or not prod(up) or not prod(down):
        return False
    if factors.mid:
        mid = lora.shapes[factors.mid]
        return (
            len(shape) == 4
            and mid[2:] == shape[2:]
            and prod(up) == out * mid[0]
            and prod(down) == mid[1] * shape[1]
            and (up[0], down[0]) == (out, mid[1])
        )
    rank = down[0]
    return up[0] == out and prod(up) == out * rank and prod(down) == rank * columns


def _shape_made_for(lora: LoraFile, factors: Factors) -> tuple[int, ...]:
    kernel = lora.shapes[factors.mid or factors.down][2:]
    return (*lora.shapes[factors.up][:1], *lora.shapes[factors.down][1:2], *kernel)

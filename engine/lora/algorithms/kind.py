"""What an algorithm of the LoRA family is, to everybody else in this room.

All of them are one formula: W' = W + s * a * D(W), with s the strength, a the scale of the file
and D a change of the weight's own shape, computed in float32. They differ in what D is made of and
in whether it depends on W.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from math import prod

from torch import Tensor

Shape = tuple[int, ...]
# What a file holds for one weight, by the name of the factor: shapes as the header has them, and
# numbers in float32.
Shapes = Mapping[str, Shape]
Factors = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Kind:
    """One algorithm.

    Attributes:
        name: what it is called in sentences.
        complete: whether these factors are enough to compute anything.
        fits: whether factors of these shapes change a weight of that shape. When they do, ``delta``
            raises nothing and gives that shape.
        made_for: the shape of the weight that the factors were made for, as far as they tell.
        rank: what alpha is divided by; 0 where alpha is no scale.
        delta: D for the current weight, float32 [out, in, ...]. An ``additive`` one looks at the
            weight's shape alone.
        additive: whether D does not depend on W.
        replaces: whether any strength but 0 counts as 1.
        linear_only: whether it is defined for linear layers alone.
    """

    name: str
    complete: Callable[[Collection[str]], bool]
    fits: Callable[[Shapes, Shape], bool]
    made_for: Callable[[Shapes], Shape]
    rank: Callable[[Shapes], int]
    delta: Callable[[Factors, Tensor], Tensor]
    additive: bool = True
    replaces: bool = False
    linear_only: bool = False


def no_rank(_: Shapes) -> int:
    """For algorithms whose alpha is no scale."""
    return 0


def needs(*names: str) -> Callable[[Collection[str]], bool]:
    """Complete when all of ``names`` are there."""
    return lambda found: all(name in found for name in names)


def columns(shape: Shape) -> int:
    """How many columns a tensor has when all axes but the first are one."""
    return prod(shape[1:])


def is_matrix(shape: Shape, rows: int, cols: int) -> bool:
    """Whether a tensor, flattened after its first axis, is [rows, cols]."""
    return bool(shape) and shape[0] == rows and columns(shape) == cols and rows * cols > 0

"""(IA)^3: channels multiplied by learned numbers (Liu et al. 2022).

LyCORIS: D = W * l along the input axis if ``on_input`` is not 0, else along the output axis. PEFT:
``ia3_l`` [out, 1] or [1, in] multiplies, so D = W * (l - 1).
"""

from math import prod

from torch import Tensor

from engine.lora.algorithms.kind import Factors, Kind, Shape, Shapes, needs, no_rank
from engine.lora.errors import LoraError


def _fits(shapes: Shapes, shape: Shape) -> bool:
    return len(shape) > 1 and prod(shapes["l"]) in shape[:2] and prod(shapes["on_input"]) == 1


def _delta(factors: Factors, weight: Tensor) -> Tensor:
    axis = 1 if factors["on_input"].item() else 0
    if factors["l"].numel() != weight.shape[axis]:
        side = "input" if axis else "output"
        raise LoraError(
            f"it holds {factors['l'].numel()} numbers for the {side} side of a weight of "
            f"{list(weight.shape)}"
        )
    return weight * _along(factors["l"], axis, weight)


def _along(numbers: Tensor, axis: int, weight: Tensor) -> Tensor:
    return numbers.reshape([-1 if at == axis else 1 for at in range(weight.dim())])


def _peft_fits(shapes: Shapes, shape: Shape) -> bool:
    found = shapes["ia3_l"]
    if len(shape) < 2 or len(found) < 2 or prod(found) == 0:
        return False
    return prod(found) == max(found) and found[:2] in {(shape[0], 1), (1, shape[1])}


def _peft_delta(factors: Factors, weight: Tensor) -> Tensor:
    numbers = factors["ia3_l"]
    axis = 0 if numbers.shape[1] == 1 and numbers.shape[0] == len(weight) else 1
    return weight * (_along(numbers, axis, weight) - 1)


IA3 = Kind(
    "(IA)^3",
    needs("l", "on_input"),
    _fits,
    lambda shapes: shapes["l"],
    no_rank,
    _delta,
    additive=False,
)
IA3_PEFT = Kind(
    "(IA)^3 of PEFT",
    needs("ia3_l"),
    _peft_fits,
    lambda shapes: shapes["ia3_l"],
    no_rank,
    _peft_delta,
    additive=False,
)

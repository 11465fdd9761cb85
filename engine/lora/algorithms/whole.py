"""Changes that are stored as they are: differences of weights, biases and norms, and replacements.

D = diff, without alpha (LyCORIS, ``full.py`` and ``norms.py``). A replacement has D = value - W and
counts in full at any strength but 0.
"""

from math import prod

from torch import Tensor

from engine.lora.algorithms.kind import Factors, Kind, Shape, Shapes, needs, no_rank


def _fits(factor: str, shapes: Shapes, shape: Shape) -> bool:
    found = shapes[factor]
    same_rows = not found or not shape or found[0] == shape[0]
    return 0 < prod(found) == prod(shape) and same_rows


def _kind(name: str) -> Kind:
    return Kind(
        name,
        needs("diff"),
        lambda shapes, shape: _fits("diff", shapes, shape),
        lambda shapes: shapes["diff"],
        no_rank,
        lambda factors, weight: factors["diff"].reshape(weight.shape),
    )


def _set(factors: Factors, weight: Tensor) -> Tensor:
    return factors["value"].reshape(weight.shape) - weight


FULL = _kind("full difference")
NORM = _kind("norm difference")
SET = Kind(
    "replacement",
    needs("value"),
    lambda shapes, shape: _fits("value", shapes, shape),
    lambda shapes: shapes["value"],
    no_rank,
    _set,
    additive=False,
    replaces=True,
)

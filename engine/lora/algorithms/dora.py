"""DoRA: any algorithm with a learned magnitude on top (Liu et al. 2024, equation 5).

Wn = W + a * D(W), in full strength; m / ||Wn|| * Wn is what was trained, with the norm taken per
output channel (over the rest) or per input channel (over output and kernel). The change is that
minus W. A ``lora_magnitude_vector`` (PEFT) is per output channel; a ``dora_scale`` is when it has
one axis or as many rows as the weight, and otherwise it is per input channel.
"""

from collections.abc import Collection
from math import prod

import torch
from torch import Tensor

from engine.lora.algorithms.kind import Factors, Shape, Shapes

_EPS = torch.finfo(torch.float32).eps
MAGNITUDES = ("magnitude", "dora_scale")


def has_magnitude(names: Collection[str]) -> bool:
    return any(name in names for name in MAGNITUDES)


def magnitude_fits(shapes: Shapes, shape: Shape) -> bool:
    """Whether the magnitude has a number for each channel of its side."""
    if len(shape) < 2:
        return False
    axis, found = _axis(shapes, shape)
    return prod(found) == shape[axis]


def _axis(shapes: Shapes, shape: Shape) -> tuple[int, Shape]:
    if "magnitude" in shapes:
        return 0, shapes["magnitude"]
    found = shapes["dora_scale"]
    return (0 if len(found) < 2 or found[0] == shape[0] else 1), found


def renormed(factors: Factors, weight: Tensor, scaled: Tensor) -> Tensor:
    """The change of ``weight``, given a * D. Uses ``scaled`` up."""
    trained = scaled.add_(weight)
    shapes = {name: tuple(factors[name].shape) for name in MAGNITUDES if name in factors}
    axis, _ = _axis(shapes, tuple(weight.shape))
    others = tuple(at for at in range(weight.dim()) if at != axis)
    norm = torch.linalg.vector_norm(trained, dim=others, keepdim=True)
    magnitude = factors["magnitude" if "magnitude" in factors else "dora_scale"]
    trained *= magnitude.reshape(norm.shape) / norm.add_(_EPS)
    return trained.sub_(weight)

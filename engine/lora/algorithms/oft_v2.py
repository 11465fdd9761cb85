"""OFTv2 of PEFT and OneTrainer: groups of *input* channels, turned (Qiu et al. 2025).

Every row of ``packed`` [k, b(b-1)/2] is the upper triangle, row after row, of a skew matrix Q. R =
I + 2Q + 2Q^2 + 2Q^3 + Q^4, the Cayley transform with its inverse as a Neumann series, and
X[:, block] = W[:, block] @ R^T; one row stands for all blocks. D = X - W. With ``scaled``, the
packed numbers are divided by 2 sqrt(b - 1). Defined here for linear layers alone.
"""

from math import isqrt, sqrt

import torch
from torch import Tensor

from engine.lora.algorithms.kind import Factors, Kind, Shape, Shapes, needs, no_rank


def _size(packed: Shape) -> int:
    """b, from the b(b-1)/2 numbers of a triangle; 0 when there is none."""
    if len(packed) != 2:
        return 0
    b = (1 + isqrt(1 + 8 * packed[1])) // 2
    return b if b > 1 and b * (b - 1) // 2 == packed[1] else 0


def _fits(shapes: Shapes, shape: Shape) -> bool:
    b = _size(shapes["packed"])
    if len(shape) != 2 or not b or shape[1] % b:
        return False
    return shapes["packed"][0] in {1, shape[1] // b}


def _made_for(shapes: Shapes) -> Shape:
    # The output side leaves no trace in the file.
    packed = shapes["packed"]
    return (packed[0] * _size(packed),) if packed else ()


def _delta(factors: Factors, weight: Tensor) -> Tensor:
    packed = factors["packed"]
    b = _size(tuple(packed.shape))
    if "scaled" in factors and factors["scaled"].any():
        packed = packed / (2 * sqrt(b - 1))
    row, column = torch.triu_indices(b, b, 1, device=packed.device)
    q = torch.zeros(len(packed), b, b, device=packed.device)
    q[:, row, column] = packed
    q = q - q.transpose(1, 2)
    q2 = q @ q
    one = torch.eye(b, device=packed.device)
    r = one + 2 * q + 2 * q2 + 2 * (q2 @ q) + q2 @ q2
    blocks = weight.view(len(weight), -1, b)
    r = r.expand(blocks.shape[1], b, b)
    turned = torch.einsum("okn,kmn->okm", blocks, r).reshape(weight.shape)
    return turned.sub_(weight)


OFT_V2 = Kind(
    "OFTv2",
    needs("packed"),
    _fits,
    _made_for,
    no_rank,
    _delta,
    additive=False,
    linear_only=True,
)

"""OFT: groups of output channels, each turned by an orthogonal matrix (Qiu et al. 2023).

Q = blocks - blocks^T and R = (I + Q)(I - Q)^-1, the Cayley transform. With a constraint c = alpha *
out > 0, Q is scaled down to a Frobenius norm of c, all blocks together. The output channels are
split into k groups of n: X[k, m, ...] = sum over n of R[k, n, m] W[k, n, ...]. With ``rescale``, X
is multiplied by it. D = X - W. Files of old hold R itself, as ``oft_diag``.

Source: kohya's ``networks/oft.py`` and LyCORIS, ``diag_oft.py``, which agree on the constraint.
"""

from collections.abc import Collection

import torch
from torch import Tensor

from engine.lora.algorithms.kind import Factors, Kind, Shape, Shapes, no_rank


def _complete(found: Collection[str]) -> bool:
    return "oft_blocks" in found or "oft_diag" in found


def _blocks(shapes: Shapes) -> Shape:
    return shapes.get("oft_blocks", shapes.get("oft_diag", ()))


def _fits(shapes: Shapes, shape: Shape) -> bool:
    blocks = _blocks(shapes)
    return (
        len(shape) > 1
        and len(blocks) == 3
        and blocks[1] == blocks[2] > 0
        and blocks[0] * blocks[1] == shape[0]
        and rescale_fits(shapes, shape)
    )


def rescale_fits(shapes: Shapes, shape: Shape) -> bool:
    return "rescale" not in shapes or torch.Size(shapes["rescale"]).numel() == shape[0]


def _made_for(shapes: Shapes) -> Shape:
    blocks = _blocks(shapes)
    return (blocks[0] * blocks[1],) if len(blocks) > 1 else ()


def rotations(factors: Factors, out: int) -> Tensor:
    """R of every block, [..., n, n]."""
    if "oft_diag" in factors:
        return factors["oft_diag"]
    blocks = factors["oft_blocks"]
    q = blocks - blocks.transpose(-1, -2)
    constraint = factors["alpha"].item() * out if "alpha" in factors else 0.0
    norm = q.norm().item()
    if 0 < constraint < norm:
        q *= constraint / norm
    one = torch.eye(q.shape[-1], device=q.device)
    # R (I - Q) = I + Q, solved from the right.
    solved: Tensor = torch.linalg.solve(one - q, one + q, left=False)
    return solved


def rescaled(factors: Factors, turned: Tensor) -> Tensor:
    if "rescale" in factors:
        turned *= factors["rescale"].reshape(-1, *(1,) * (turned.dim() - 1))
    return turned


def _delta(factors: Factors, weight: Tensor) -> Tensor:
    r = rotations(factors, len(weight))
    groups = weight.reshape(len(r), r.shape[-1], -1)
    turned = torch.einsum("knm,knx->kmx", r, groups).reshape(weight.shape)
    return rescaled(factors, turned).sub_(weight)


OFT = Kind("OFT", _complete, _fits, _made_for, no_rank, _delta, additive=False)

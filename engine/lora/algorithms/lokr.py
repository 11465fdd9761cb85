"""LoKr: a Kronecker product, either side of which may be low-rank (LyCORIS, ``lokr.py``).

D = kron(w1, w2), where w1 is given or w1_a @ w1_b, and w2 is given, or w2_a @ w2_b, or with a core
sum over i, j of t2[i, j, ...] w2_a[i, p] w2_b[j, q]. Alpha is divided by the rank of w2 if that is
low-rank, else by that of w1; where neither is, files hold junk for alpha and the scale is 1.
"""

from collections.abc import Collection
from math import prod

import torch
from torch import Tensor

from engine.lora.algorithms.kind import Factors, Kind, Shape, Shapes, is_matrix


def _complete(found: Collection[str]) -> bool:
    return all(name in found or {f"{name}_a", f"{name}_b"} <= {*found} for name in ("w1", "w2"))


def _fits(shapes: Shapes, shape: Shape) -> bool:
    w1, w2 = _shape(shapes, "w1"), _shape(shapes, "w2")
    if w1 is None or w2 is None or len(shape) < 2 or len(w1) != 2 or len(w2) < 2:
        return False
    if len(w2) == 4 and w2[2:] != shape[2:]:
        return False
    return (
        prod(w1) * prod(w2) == prod(shape) > 0
        and w1[0] * w2[0] == shape[0]
        and (len(w2) == 2 or w1[1] * w2[1] == shape[1])
    )


def _shape(shapes: Shapes, name: str) -> Shape | None:
    """The shape of one side as it enters the product; None when its factors do not go together."""
    if name in shapes:
        return shapes[name]
    a, b, core = shapes[f"{name}_a"], shapes[f"{name}_b"], shapes.get(name.replace("w", "t"))
    if name == "w2" and core is not None:
        sound = len(core) == 4 and len(a) == len(b) == 2 and (a[0], b[0]) == core[:2]
        return (a[1], b[1], *core[2:]) if sound else None
    if len(a) != 2 or len(b) < 2 or not is_matrix(a, a[0], b[0]):
        return None
    return (a[0], prod(b[1:]))


def _made_for(shapes: Shapes) -> Shape:
    w1, w2 = _shape(shapes, "w1") or (), _shape(shapes, "w2") or ()
    return (*(x * y for x, y in zip(w1[:2], w2[:2], strict=False)), *w2[2:])


def _rank(shapes: Shapes) -> int:
    for name in ("w2_b", "w1_b"):
        if shapes.get(name) and name.removesuffix("_b") not in shapes:
            return shapes[name][0]
    return 0


def _delta(factors: Factors, weight: Tensor) -> Tensor:
    w1, w2 = _side(factors, "w1"), _side(factors, "w2")
    if w2.dim() == 4:
        w1 = w1[..., None, None]
    # Of a tensor that is not contiguous, torch's kron makes one that cannot be reshaped.
    return torch.kron(w1, w2.contiguous()).reshape(weight.shape)


def _side(factors: Factors, name: str) -> Tensor:
    if name in factors:
        return factors[name]
    a, b = factors[f"{name}_a"], factors[f"{name}_b"]
    if name == "w2" and "t2" in factors:
        return torch.einsum("ijhw,ip,jq->pqhw", factors["t2"], a, b)
    return a @ b.flatten(1)


LOKR = Kind("LoKr", _complete, _fits, _made_for, _rank, _delta)

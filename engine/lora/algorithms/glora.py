"""GLoRA: a change of the weight that is partly made of the weight itself (Chavan et al. 2023).

Two layouts are in use, with r the size that all factors share:

    new: a1 [in, r], a2 [r, in], b1 [out, r], b2 [r, in * kh * kw]
         D = W x (a1 @ a2) + b1 @ b2, the product over W's input channels
    old: a1 [r, in], a2 [in, r], b1 [r, in], b2 [out, r]
         D = W @ a2 @ a1 + b2 @ b1, with W flattened after its first axis

Source: LyCORIS, ``glora.py`` of either time.
"""

import torch
from torch import Tensor

from engine.lora.algorithms.kind import Factors, Kind, Shape, Shapes, columns, is_matrix, needs


def _is_old(shapes: Shapes) -> bool:
    """Which layout. On a square weight both may be meant, and the one is right whose rank is not
    larger than the weight: of equals the old one, but for a kernel on b2.
    """
    a1, a2, b1, b2 = (shapes[name] for name in ("a1", "a2", "b1", "b2"))
    if not (len(a1) > 1 and len(a2) > 1 and len(b1) > 1 and len(b2) > 1):
        return False
    old = b2[1] == b1[0] == a1[0] == a2[1]
    new = b2[0] == b1[1] == a1[1] == a2[0]
    return old and (not new or (a2[0] >= a2[1] and columns(b2) == b2[1]))


def _fits(shapes: Shapes, shape: Shape) -> bool:
    a1, a2, b1, b2 = (shapes[name] for name in ("a1", "a2", "b1", "b2"))
    if len(shape) < 2 or not all((a1, a2, b1, b2)):
        return False
    out, width, flat = shape[0], shape[1], columns(shape)
    if _is_old(shapes):
        r = b1[0]
        products = ((b2, out, r), (b1, r, flat), (a2, flat, r), (a1, r, flat))
    else:
        r = a2[0]
        products = ((a1, width, r), (a2, r, width), (b1, out, r), (b2, r, flat))
    return all(is_matrix(*product) for product in products)


def _made_for(shapes: Shapes) -> Shape:
    out, cols = ("b2", "b1") if _is_old(shapes) else ("b1", "b2")
    return (*shapes[out][:1], *shapes[cols][1:])


def _rank(shapes: Shapes) -> int:
    first = shapes["b1" if _is_old(shapes) else "b2"]
    return first[0] if first else 0


def _delta(factors: Factors, weight: Tensor) -> Tensor:
    old = _is_old({name: tuple(tensor.shape) for name, tensor in factors.items()})
    a1, a2, b1, b2 = (factors[name].flatten(1) for name in ("a1", "a2", "b1", "b2"))
    if old:
        return (weight.flatten(1) @ a2 @ a1).addmm_(b2, b1).reshape(weight.shape)
    rotated = torch.einsum("oi...,ij->oj...", weight, a1 @ a2).contiguous()
    rotated.view(len(weight), -1).addmm_(b1, b2)
    return rotated


GLORA = Kind(
    "GLoRA", needs("a1", "a2", "b1", "b2"), _fits, _made_for, _rank, _delta, additive=False
)

"""LoHa: two low-rank products, multiplied element by element (Hyeon-Woo et al. 2022, FedPara).

D = (w1_a @ w1_b) * (w2_a @ w2_b), with w*_b [r, in * kh * kw] for convolutions. In the Tucker form
each product is sum over i, j of t[i, j, ...] a[i, p] b[j, q], with a [r, out] and b [r, in]
(LyCORIS, ``loha.py``; its forward pass counts, not its ``merge_to``, which scales twice).
"""

import torch
from torch import Tensor

from engine.lora.algorithms.kind import Factors, Kind, Shape, Shapes, is_matrix, needs

_HALVES = (("w1_a", "w1_b", "t1"), ("w2_a", "w2_b", "t2"))


def _fits(shapes: Shapes, shape: Shape) -> bool:
    if len(shape) < 2 or ("t1" in shapes) != ("t2" in shapes):
        return False
    return all(_half_fits(shapes, names, shape) for names in _HALVES)


def _half_fits(shapes: Shapes, names: tuple[str, str, str], shape: Shape) -> bool:
    a, b, core = (shapes.get(name) for name in names)
    if a is None or b is None or not b:
        return False
    if core is None:
        return is_matrix(a, shape[0], b[0]) and is_matrix(b, b[0], torch.Size(shape[1:]).numel())
    if len(core) != 4 or len(shape) != 4 or core[2:] != shape[2:]:
        return False
    return is_matrix(a, core[0], shape[0]) and is_matrix(b, core[1], shape[1])


def _made_for(shapes: Shapes) -> Shape:
    if "t1" in shapes:
        return (*shapes["w1_a"][1:2], *shapes["w1_b"][1:2], *shapes["t1"][2:])
    return (*shapes["w1_a"][:1], *shapes["w1_b"][1:2])


def _delta(factors: Factors, weight: Tensor) -> Tensor:
    first, second = (_half(factors, names) for names in _HALVES)
    return first.mul_(second).reshape(weight.shape)


def _half(factors: Factors, names: tuple[str, str, str]) -> Tensor:
    a, b, core = factors[names[0]], factors[names[1]], factors.get(names[2])
    if core is None:
        return a.flatten(1) @ b.flatten(1)
    return torch.einsum("ijhw,ip,jq->pqhw", core, a.flatten(1), b.flatten(1))


LOHA = Kind(
    "LoHa",
    needs("w1_a", "w1_b", "w2_a", "w2_b"),
    _fits,
    _made_for,
    lambda shapes: shapes["w1_b"][0] if shapes["w1_b"] else 0,
    _delta,
)

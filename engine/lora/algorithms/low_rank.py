"""LoRA and LoCon, and their Tucker form.

D = up @ down, flattened over the kernel (Hu et al. 2021, equation 3; a convolution by ``down``
followed by a 1x1 convolution by ``up`` is the same). With a middle factor, LyCORIS's "CP
decomposition": D[i, j, ...] = sum over m, n of mid[m, n, ...] up[i, m] down[n, j].

Factors: up [out, r] or [out, r, 1, 1]; down [r, in] or [r, in, kh, kw]; mid [r, r, kh, kw]. Two
axes on a 1x1 convolution, and four on a linear layer, fit.
"""

from math import prod

import torch
from torch import Tensor

from engine.lora.algorithms.kind import Factors, Kind, Shape, Shapes, columns, is_matrix, needs


def low_rank_fits(shapes: Shapes, shape: Shape) -> bool:
    if len(shape) < 2:
        return False
    up, down = shapes["up"], shapes["down"]
    if "mid" in shapes:
        mid = shapes["mid"]
        return (
            len(shape) == len(mid) == 4
            and mid[2:] == shape[2:]
            and is_matrix(up, shape[0], mid[0])
            and is_matrix(down, mid[1], shape[1])
        )
    return is_matrix(up, shape[0], down[0] if down else 0) and columns(down) == columns(shape) > 0


def _made_for(shapes: Shapes) -> Shape:
    kernel = shapes.get("mid", shapes["down"])[2:]
    return (*shapes["up"][:1], *shapes["down"][1:2], *kernel)


def _rank(shapes: Shapes) -> int:
    return shapes["down"][0] if shapes["down"] else 0


def _delta(factors: Factors, weight: Tensor) -> Tensor:
    up, down = factors["up"].flatten(1), factors["down"].flatten(1)
    if "mid" in factors:
        return torch.einsum("mnhw,im,nj->ijhw", factors["mid"], up, down)
    return (up @ down).reshape(weight.shape)


LOW_RANK = Kind("LoRA", needs("up", "down"), low_rank_fits, _made_for, _rank, _delta)


def _bias_fits(shapes: Shapes, shape: Shape) -> bool:
    return len(shape) == 1 and 0 < prod(shape) == prod(shapes["bias"])


# PEFT's ``lora_bias``: the bias that its up layer has, scaled like the product.
LOW_RANK_BIAS = Kind(
    "LoRA bias",
    needs("bias", "down"),
    _bias_fits,
    lambda shapes: shapes["bias"],
    _rank,
    lambda factors, weight: factors["bias"].reshape(weight.shape),
)

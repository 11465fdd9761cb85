"""The mathematics of LoRA, LoCon and their Tucker form, in float32.

With ``s`` the strength and ``a`` = alpha / rank (1 without alpha): W' = W + s * a * D, where
D = up @ down, flattened over the kernel (Hu et al. 2021, equation 3), or with a middle factor
D[i, j, ...] = sum over m, n of mid[m, n, ...] up[i, m] down[n, j] (LyCORIS, "CP decomposition").
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Low:
    """Factors of one change of one weight, in memory.

    Attributes:
        scale: s * a.
        up: float32 [out, rank].
        down: float32 [rank, in * kh * kw], or [rank, in] when there is a ``mid``.
        mid: float32 [rank, rank, kh, kw] or None.
    """

    scale: float
    up: Tensor
    down: Tensor
    mid: Tensor | None = None


def add_low(weight: Tensor, changes: Sequence[Low]) -> None:
    """Add low-rank changes to a contiguous float32 weight [out, in, ...], in place.

    Plain changes are joined along their ranks into one product, which reads and writes the weight
    once however many there are.
    """
    rows = weight.view(weight.shape[0], -1)
    plain = [change for change in changes if change.mid is None]
    if plain:
        up = torch.cat([change.scale * change.up for change in plain], dim=1)
        down = torch.cat([change.down for change in plain], dim=0)
        rows.addmm_(up, down)
    for change in changes:
        if change.mid is not None:
            delta = torch.einsum("mnhw,im,nj->ijhw", change.mid, change.up, change.down)
            weight.add_(delta, alpha=change.scale)

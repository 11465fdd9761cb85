"""BOFT: several rounds of OFT over shuffled output channels, a butterfly (Liu et al. 2024).

Round i of m, with blocks [k, b, b] turned into R_i as in OFT (Q is constrained over all rounds
together): the output axis is seen as (c, 2, q) with q = 2^i * b / 2 and its last two axes swapped,
split into k groups of b, y[k, i, ...] = sum over j of R_i[k, i, j] x[k, j, ...], and put back. D =
X - W, X being rescaled as in OFT.

Source: LyCORIS, ``boft.py``; the strength is applied to the whole change and not to every round.
"""

import torch
from torch import Tensor

from engine.lora.algorithms.kind import Factors, Kind, Shape, Shapes, needs, no_rank
from engine.lora.algorithms.oft import rescale_fits, rescaled, rotations


def _fits(shapes: Shapes, shape: Shape) -> bool:
    blocks = shapes["oft_blocks"]
    if len(blocks) != 4 or len(shape) < 2:
        return False
    rounds, groups, size = blocks[:3]
    return (
        0 < rounds < 32
        and size == blocks[3] > 1
        and size % 2 == 0
        and groups * size == shape[0]
        and shape[0] % (size << (rounds - 1)) == 0
        and rescale_fits(shapes, shape)
    )


def _made_for(shapes: Shapes) -> Shape:
    blocks = shapes["oft_blocks"]
    return (blocks[1] * blocks[2],) if len(blocks) > 2 else ()


def _delta(factors: Factors, weight: Tensor) -> Tensor:
    r = rotations(factors, len(weight))
    size = r.shape[-1]
    x = weight.reshape(len(weight), -1)
    for i, turn in enumerate(r):
        q = (size << i) // 2
        shuffled = x.view(-1, 2, q, x.shape[1]).transpose(1, 2).reshape(len(turn), size, -1)
        turned = torch.bmm(turn, shuffled)
        x = turned.reshape(-1, q, 2, x.shape[1]).transpose(1, 2).reshape(x.shape)
    return rescaled(factors, x.reshape(weight.shape)).sub_(weight)


BOFT = Kind("BOFT", needs("oft_blocks"), _fits, _made_for, no_rank, _delta, additive=False)

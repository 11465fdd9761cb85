"""The best product of a given rank for a change: truncated singular values (Eckart and Young 1936).

How much is kept is told as energy: the share of the sum of the squared singular values.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

# The randomised method (Halko et al. 2011) is as good as the whole one where the rank is small.
_OVERSAMPLED, _POWERS, _SMALL = 16, 6, 4


@dataclass(frozen=True, slots=True)
class Factored:
    """``up`` [out, r] and ``down`` [r, columns], float32, with the squared norms of what their
    product keeps and of what there was.
    """

    up: Tensor
    down: Tensor
    kept: float
    total: float


def factored(change: Tensor, rank: int) -> Factored:
    """A change [out, columns] as a product of at most ``rank``."""
    total = float(change.double().square().sum())
    rank = min(rank, *change.shape)
    if rank * _SMALL > min(change.shape):
        u, s, vh = torch.linalg.svd(change.double(), full_matrices=False)
    else:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)  # `torch.manual_seed` would seed GPUs, too
            u, s, v = torch.svd_lowrank(change.double(), rank + _OVERSAMPLED, _POWERS)
            vh = v.T
    return _cut(u, s, vh, rank, total)


def refactored(up: Tensor, down: Tensor, rank: int) -> Factored:
    """The product of ``up`` [out, r] and ``down`` [r, columns] as one of at most ``rank``.

    Its singular values are those of the r x r matrix between the orthogonal parts of the two, so
    nothing of the weight's size is made.
    """
    q_up, r_up = torch.linalg.qr(up.double())
    q_down, r_down = torch.linalg.qr(down.double().T)
    u, s, vh = torch.linalg.svd(r_up @ r_down.T, full_matrices=False)
    total = float(s.square().sum())
    return _cut(q_up @ u, s, vh @ q_down.T, min(rank, len(s)), total)


def _cut(u: Tensor, s: Tensor, vh: Tensor, rank: int, total: float) -> Factored:
    """Both sides get the roots of the singular values, as trained factors are of similar size."""
    kept, root = s[:rank], s[:rank].sqrt()
    up, down = u[:, :rank] * root, root[:, None] * vh[:rank]
    return Factored(up.float(), down.float(), float(kept.square().sum()), total)

"""Token merging: fewer queries in the largest self-attentions (Bolya & Hoffman 2023, arXiv
2303.17604).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.sampling.hooks import Hooks
from engine.sampling.model import DiffusionModel
from engine.weights.sites import Attend, Patches, Site

# One token of each square of this side is a destination; the others may be merged into one.
_CELL = 2


@dataclass(frozen=True, slots=True)
class TokenMerging:
    """The queries of self-attention at full resolution, `ratio` of them merged into their likes.

    What comes out for a merged query goes to all that went into it. Keys and values stay.
    """

    ratio: float

    def apply(self, model: DiffusionModel) -> DiffusionModel:
        return model.with_hooks(Hooks(patches=Patches(self_attention=(self,))))

    def __call__(self, attend: Attend, q: Tensor, k: Tensor, v: Tensor, site: Site) -> Tensor:
        merged = int(q.shape[1] * self.ratio)
        if site.size != site.latent or merged == 0 or min(site.size) < _CELL:
            return attend(q, k, v)
        merge, unmerge = _matching(q, site, merged)
        return unmerge(attend(merge(q), k, v))


Move = Callable[[Tensor], Tensor]


def _matching(x: Tensor, site: Site, count: int) -> tuple[Move, Move]:
    """How to merge `count` of the tokens `x` [B, N, C], each into the destination most like it, and
    how to spread the result out again.
    """
    order, destinations = _order(site)
    source, target = order[destinations:], order[:destinations]
    count = min(count, len(source))
    unit = x / x.norm(dim=-1, keepdim=True)
    best, into = (unit[:, source] @ unit[:, target].transpose(-1, -2)).max(dim=-1)
    ranked = best.argsort(dim=-1, descending=True)
    gone, kept = ranked[:, :count], ranked[:, count:]
    into = into.gather(1, gone)

    def merge(tokens: Tensor) -> Tensor:
        sources, targets = tokens[:, source], tokens[:, target]
        merged = targets.scatter_reduce(
            1, _wide(into, tokens), sources.gather(1, _wide(gone, tokens)), reduce="mean"
        )
        return torch.cat([sources.gather(1, _wide(kept, tokens)), merged], dim=1)

    def unmerge(tokens: Tensor) -> Tensor:
        stayed, targets = tokens[:, : kept.shape[1]], tokens[:, kept.shape[1] :]
        sources = tokens.new_empty(len(tokens), len(source), tokens.shape[2])
        sources.scatter_(1, _wide(kept, tokens), stayed)
        sources.scatter_(1, _wide(gone, tokens), targets.gather(1, _wide(into, tokens)))
        return torch.cat([targets, sources], dim=1)[:, order.argsort()]

    return merge, unmerge


def _wide(index: Tensor, like: Tensor) -> Tensor:
    return index[..., None].expand(-1, -1, like.shape[-1])


def _order(site: Site) -> tuple[Tensor, int]:
    """All tokens, destinations first, and how many these are: one of each cell, at random."""
    height, width = site.size
    rows, columns = height // _CELL, width // _CELL
    draws = site.call.draws
    chosen = torch.randint(_CELL * _CELL, (rows, columns, 1), generator=draws)[..., 0]
    y = torch.arange(rows)[:, None] * _CELL + chosen // _CELL
    x = torch.arange(columns) * _CELL + chosen % _CELL
    is_source = torch.ones(height, width, dtype=torch.int64)
    is_source[y, x] = 0
    order = is_source.view(-1).argsort(stable=True)
    return order.to(site.call.sigmas.device), rows * columns

"""HyperTile: large self-attentions in tiles (github.com/tfernd/HyperTile)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.sampling.hooks import Hooks
from engine.sampling.model import DiffusionModel
from engine.weights.sites import Attend, Patches, Site

# The smallest tile, in pixels.
_LEAST_TILE = 32


@dataclass(frozen=True, slots=True)
class HyperTile:
    """The queries of self-attention on the `max_depth` + 1 largest sizes, in tiles.

    Attributes:
        tile_size: the least side of a tile in pixels; the tiles are drawn anew for each attention
            from the `swap_size` smallest sizes that divide the picture.
        scale_depth: tiles are twice as large on each further depth.
    """

    tile_size: int
    swap_size: int
    max_depth: int
    scale_depth: bool

    def apply(self, model: DiffusionModel) -> DiffusionModel:
        return model.with_hooks(Hooks(patches=Patches(self_attention=(self,))))

    def __call__(self, attend: Attend, q: Tensor, k: Tensor, v: Tensor, site: Site) -> Tensor:
        depth = self._depth(q.shape[1], site)
        if depth is None:
            return attend(q, k, v)
        least = max(_LEAST_TILE, self.tile_size) // 8 * (2**depth if self.scale_depth else 1)
        # The sides are swapped, as they are in the reference: only square pictures are cut into
        # the tiles one would expect. Its pictures depend on it.
        width, height = site.size
        rows, columns = (self._count(side, least, site.call.draws) for side in (height, width))
        if rows * columns == 1:
            return attend(q, k, v)
        tiles = _cut(q, height, width, rows, columns)
        # Keys and values are not cut alike: tile j sees the j-th run of tokens.
        runs = [one.reshape(len(tiles), -1, one.shape[-1]) for one in (k, v)]
        return _joined(attend(tiles, *runs), height, width, rows, columns)

    def _depth(self, tokens: int, site: Site) -> int | None:
        area = math.prod(site.latent)
        depths = range(self.max_depth + 1)
        return next((depth for depth in depths if area / 4**depth == tokens), None)

    def _count(self, side: int, least: int, draws: torch.Generator) -> int:
        """How many tiles a side of so many tokens is cut into."""
        sizes = [size for size in range(min(least, side), side + 1) if side % size == 0]
        counts = [side // size for size in sizes[: self.swap_size]]
        if len(counts) == 1:
            return counts[0]
        # The last one is never drawn, as in the reference.
        return counts[int(torch.randint(len(counts) - 1, (1,), generator=draws))]


def _cut(x: Tensor, height: int, width: int, rows: int, columns: int) -> Tensor:
    """Tokens [B, h * w, C] as tiles [B * rows * columns, tokens of one, C]."""
    grid = x.view(x.shape[0], rows, height // rows, columns, width // columns, -1)
    return grid.transpose(2, 3).reshape(x.shape[0] * rows * columns, -1, x.shape[-1])


def _joined(tiles: Tensor, height: int, width: int, rows: int, columns: int) -> Tensor:
    """What `_cut` took apart."""
    grid = tiles.view(-1, rows, columns, height // rows, width // columns, tiles.shape[-1])
    return grid.transpose(2, 3).reshape(-1, height * width, tiles.shape[-1])

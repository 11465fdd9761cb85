"""An autoencoder's work in overlapping tiles, blended with ramps: memory for a tile at a time.

Source: section 11 of the sampling specification. The result is the average of three passes whose
tiles are wide, high and square, so that no seam of one lies on a seam of another.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

Work = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Tiles:
    """Sides and overlaps of tiles, in pixels of the picture."""

    tile: int = 512
    overlap: int = 64


def decode_tiled(decode: Work, latent: Tensor, *, tiles: Tiles, factor: int) -> Tensor:
    """``decode`` of a latent [B, C, h, w], tile by tile: [B, C', h * factor, w * factor].

    An overlap of more than a quarter of the tile is cut to a quarter.
    """
    overlap = tiles.tile // 4 if tiles.tile < 4 * tiles.overlap else tiles.overlap
    side, overlap = max(2, tiles.tile // factor), overlap // factor
    return _averaged(decode, latent, side, overlap, Fraction(factor), overlap * factor)


def encode_tiled(encode: Work, colours: Tensor, *, tiles: Tiles, factor: int) -> Tensor:
    """``encode`` of pictures [B, C, H, W], tile by tile: [B, C', H / factor, W / factor].

    An overlap of half the tile or more, which leaves nothing between the seams, is cut to a
    quarter.
    """
    overlap = tiles.tile // 4 if 2 * tiles.overlap >= tiles.tile else tiles.overlap
    ramp = round(overlap / factor)
    return _averaged(encode, colours, tiles.tile, overlap, Fraction(1, factor), ramp)


def _averaged(
    work: Work, batch: Tensor, side: int, overlap: int, scale: Fraction, ramp: int
) -> Tensor:
    shapes = ((side * 2, side // 2), (side // 2, side * 2), (side, side))
    total = _one_pass(work, batch, shapes[0], overlap, scale, ramp)
    for shape in shapes[1:]:
        total += _one_pass(work, batch, shape, overlap, scale, ramp)
    return total.div_(len(shapes))


def _one_pass(
    work: Work, batch: Tensor, tile: tuple[int, int], overlap: int, scale: Fraction, ramp: int
) -> Tensor:
    """Tiles of height and width ``tile``, accumulated and divided by the sum of their weights."""
    height, width = batch.shape[2:]
    result = torch.zeros(0)
    weights = torch.zeros(1, 1, int(height * scale), int(width * scale))
    for top in _starts(height, tile[0], overlap):
        for left in _starts(width, tile[1], overlap):
            done = work(batch[:, :, top : top + tile[0], left : left + tile[1]])
            if not result.numel():
                result = torch.zeros(len(batch), done.shape[1], *weights.shape[2:])
            feather = _ramps(done.shape[2], ramp)[:, None] * _ramps(done.shape[3], ramp)
            here = (
                ...,
                slice(int(top * scale), int(top * scale) + done.shape[2]),
                slice(int(left * scale), int(left * scale) + done.shape[3]),
            )
            result[here] += done * feather
            weights[here] += feather
    return result.div_(weights)


def _starts(size: int, tile: int, overlap: int) -> range:
    return range(1) if size <= tile else range(0, size - overlap, tile - overlap)


def _ramps(length: int, ramp: int) -> Tensor:
    """Weights along one axis: rising to 1 over ``ramp`` steps and falling again at the end."""
    weights = torch.ones(length)
    if length > ramp:
        rise = torch.arange(1, ramp + 1) / ramp
        weights[:ramp] *= rise
        weights[length - ramp :] *= rise.flip(0)
    return weights

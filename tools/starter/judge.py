"""Reads colours and shapes off a picture, knowing nothing of its caption.

The background is what the rim shows; things are the patches that differ from it; a patch's colour
is that of most of its pixels, its shape the template it overlaps best. tests/ hold it to account on
real drawings. Not here: comparing a reading with what was asked for (measure.py).
"""

from collections import deque
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from tools.starter.drawing import INK, PAPER, Spot, cover, signed_distance
from tools.starter.scenes import SHAPES

Array = npt.NDArray[np.floating[Any]]
Mask = npt.NDArray[np.bool_]

_RIM = 4
_DIFFERENT = 0.13
_SMALLEST = 60
_TEMPLATE_SIDE = 48


@dataclass(frozen=True)
class Patch:
    """One thing found: its shape and colour, its centre in pixels and its area in pixels."""

    shape: str
    colour: str
    x: float
    y: float
    area: int


@dataclass(frozen=True)
class Reading:
    """What a picture shows: the background and the patches, the largest first."""

    background: str
    patches: tuple[Patch, ...]


def read(picture: npt.NDArray[np.uint8]) -> Reading:
    """Read a picture, uint8 [H, W, 3]."""
    pixels = picture.astype(np.float32) / 255
    rim = np.ones(pixels.shape[:2], bool)
    rim[_RIM:-_RIM, _RIM:-_RIM] = False
    paper = np.median(pixels[rim], axis=0)
    patches = [
        _patch(pixels, mask)
        for mask in _connected(_differs(pixels, paper))
        if mask.sum() >= _SMALLEST
    ]
    patches.sort(key=lambda patch: -patch.area)
    return Reading(_nearest(paper[None], PAPER)[0], tuple(patches))


def _differs(pixels: Array, paper: Array) -> Mask:
    """Pixels that are neither paper nor shaded nor lightened paper, [H, W]."""
    shades = np.linspace(0.78, 1.0, 5, dtype=np.float32)[:, None] * paper
    tints = paper + np.linspace(0.05, 0.3, 5, dtype=np.float32)[:, None] * (1 - paper)
    distances = [np.linalg.norm(pixels - tone, axis=-1) for tone in (*shades, *tints)]
    return np.asarray(np.min(distances, axis=0) > _DIFFERENT)


def _connected(mask: Mask) -> list[Mask]:
    """The 8-connected parts of a mask, each as a mask."""
    label = np.zeros(mask.shape, np.int32)
    parts = 0
    for start in zip(*np.nonzero(mask), strict=True):
        if label[start]:
            continue
        parts += 1
        label[start] = parts
        queue = deque([start])
        while queue:
            y, x = queue.popleft()
            rows, columns = slice(max(0, y - 1), y + 2), slice(max(0, x - 1), x + 2)
            fresh = mask[rows, columns] & (label[rows, columns] == 0)
            label[rows, columns][fresh] = parts
            ys, xs = np.nonzero(fresh)
            queue.extend(zip(ys + rows.start, xs + columns.start, strict=True))
    return [label == part for part in range(1, parts + 1)]


def _patch(pixels: Array, mask: Mask) -> Patch:
    inner = _shrink(mask)
    # A thing so thin that nothing is left of it when its soft edge is taken off is judged whole.
    names = _nearest(pixels[inner if inner.sum() >= _SMALLEST // 3 else mask], INK)
    values, counts = np.unique(names, return_counts=True)
    ys, xs = np.nonzero(mask)
    return Patch(
        shape=_shape(mask),
        colour=str(values[counts.argmax()]),
        x=float(xs.min() + xs.max() + 1) / 2,
        y=float(ys.min() + ys.max() + 1) / 2,
        area=int(mask.sum()),
    )


def _shrink(mask: Mask) -> Mask:
    """The mask without its outermost pixels."""
    padded = np.pad(mask, 1)
    inner = mask & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.asarray(inner)


def _nearest(pixels: Array, palette: dict[str, tuple[int, int, int]]) -> npt.NDArray[np.str_]:
    """The name of the palette colour nearest to each of the pixels [N, 3]."""
    colours = np.array(list(palette.values()), np.float32) / 255
    distance = np.linalg.norm(pixels[:, None] - colours, axis=-1)
    nearest: npt.NDArray[np.str_] = np.array(list(palette))[distance.argmin(axis=1)]
    return nearest


def _shape(mask: Mask) -> str:
    """The template with the largest intersection over union."""
    seen = _fitted(mask)
    overlap = {
        shape: np.minimum(seen, form).sum() / np.maximum(seen, form).sum()
        for shape, form in _templates().items()
    }
    return max(overlap, key=lambda shape: overlap[shape])


@cache
def _templates() -> dict[str, Array]:
    side = 4 * _TEMPLATE_SIDE
    ys, xs = np.mgrid[0:side, 0:side].astype(np.float32) + np.float32(0.5)
    spot = Spot(side / 2, side / 2, side * 0.45)
    return {shape: _fitted(cover(signed_distance(shape, spot, xs, ys)) > 0.5) for shape in SHAPES}


def _fitted(mask: Mask) -> Array:
    """The mask, scaled with its proportions kept so that its longer side fills a fixed square."""
    ys, xs = np.nonzero(mask)
    middle = ((ys.min() + ys.max() + 1) / 2, (xs.min() + xs.max() + 1) / 2)
    scale = max(np.ptp(ys) + 1, np.ptp(xs) + 1) / _TEMPLATE_SIDE
    # Four samples a cell: small things are magnified, and their steps should blur rather than
    # shift.
    fine = (np.arange(2 * _TEMPLATE_SIDE) + 0.5) / 2 - _TEMPLATE_SIDE / 2
    rows = np.floor(middle[0] + fine * scale).astype(int)
    columns = np.floor(middle[1] + fine * scale).astype(int)
    padded = np.pad(mask, 1).astype(np.float32)
    rows = np.clip(rows + 1, 0, padded.shape[0] - 1)
    columns = np.clip(columns + 1, 0, padded.shape[1] - 1)
    sampled = padded[np.ix_(rows, columns)]
    side = _TEMPLATE_SIDE
    return np.asarray(sampled.reshape(side, 2, side, 2).mean(axis=(1, 3)), np.float32)

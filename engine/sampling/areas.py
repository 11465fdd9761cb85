"""Where prompt parts count: areas, masks, and the weights they give to each cell of the latent."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from engine.sampling.entries import Area, Entry

# Cells over which an area's weight falls off towards a border inside the picture.
_FEATHER = 8
# The least side of an area that is taken from a mask.
_LEAST_BOUND = 8


def read_area(value: Sequence[Any], height: int, width: int) -> Area:
    """The `area` option of a CONDITIONING entry on a latent of `height` x `width` cells.

    It is (height, width, y, x) in cells, or ("percentage", height, width, y, x) as fractions of the
    latent. Raises ValueError when it starts outside.
    """
    if value[0] == "percentage":
        h, w, y, x = (float(part) for part in value[1:])
        area = Area(
            max(1, round(h * height)),
            max(1, round(w * width)),
            round(y * height),
            round(x * width),
        )
    else:
        area = Area(*(int(part) for part in value))
    if not (0 <= area.y < height and 0 <= area.x < width) or min(area[:2]) < 1:
        raise ValueError(
            f"A prompt's area starts at x {area.x * 8}, y {area.y * 8} with {area.width * 8} x "
            f"{area.height * 8} pixels, which is not inside the picture of {width * 8} x "
            f"{height * 8} pixels. Move it, or make the picture larger."
        )
    return area


def read_mask(mask: Tensor, height: int, width: int, device: torch.device) -> Tensor:
    """The `mask` option, [H, W] or [b, H, W], as float32 [b, height, width], bilinear.

    Raises ValueError when it holds numbers that are none.
    """
    found = mask.to(device, torch.float32)
    if not bool(found.isfinite().all()):
        raise ValueError(
            "The mask of a prompt holds numbers that are not finite: the node that made it went "
            "wrong."
        )
    if found.ndim == 2:
        found = found[None]
    if found.shape[-2:] != (height, width):
        found = torch.nn.functional.interpolate(
            found[:, None], size=(height, width), mode="bilinear"
        )[:, 0]
    return found


def mask_bounds(mask: Tensor) -> Area:
    """The smallest area that holds all of `mask` [b, h, w] that is not 0, at least 8 cells a side;
    it may reach past the frame. Of an empty mask, the first 8 x 8 cells.
    """
    used = (mask != 0).any(0)
    if not bool(used.any()):
        return Area(_LEAST_BOUND, _LEAST_BOUND, 0, 0)
    rows, columns = used.any(1).nonzero(), used.any(0).nonzero()
    y, x = int(rows[0]), int(columns[0])
    height, width = int(rows[-1]) - y + 1, int(columns[-1]) - x + 1
    return Area(max(_LEAST_BOUND, height), max(_LEAST_BOUND, width), y, x)


def add_twins(groups: Sequence[list[Entry]]) -> None:
    """Give every other group an entry for each area of one, so that both sides of the guidance are
    evaluated on the same crop.

    The twin is the entry with the prompt of the smallest entry of the other group that encloses it.
    """
    for group in groups:
        for entry in group:
            for other in groups:
                if other is not group and entry.area is not None:
                    twin = _twin(entry, entry.area, other)
                    other.extend([twin] if twin else [])


def _twin(entry: Entry, area: Area, group: Sequence[Entry]) -> Entry | None:
    around = [one for one in group if one.area is None or one.area.encloses(area)]
    if not around:
        return None
    smallest = min(around, key=_size)
    if smallest.area == area:
        return None
    return replace(
        entry,
        context=smallest.context,
        y=smallest.y,
        concat=smallest.concat,
        control_context=smallest.control_context,
    )


def _size(entry: Entry) -> float:
    return entry.area.height * entry.area.width if entry.area else float("inf")


def weight(entry: Entry, x: Tensor) -> Tensor | float:
    """How much `entry` counts for each cell of its part of `x` [B, C, h, w]: [B or 1, 1, h', w'],
    or a number where it is the same everywhere.
    """
    height, width = x.shape[-2:]
    area = entry.area.clipped(height, width) if entry.area else None
    if entry.mask is not None:
        mask = entry.mask[: x.shape[0]]
        mask = (area.crop(mask) if area else mask) * (entry.mask_strength * entry.strength)
        times = -(-x.shape[0] // mask.shape[0])
        mask = mask.repeat(times, 1, 1)[: x.shape[0]]
        return mask.view(mask.shape[0], *[1] * (x.ndim - 3), *mask.shape[1:])
    if area is None:
        return entry.strength
    return _feathered(area, height, width).to(x.device) * entry.strength


def _feathered(area: Area, height: int, width: int) -> Tensor:
    """1 inside, less towards the borders of `area` that are not the frame's: [1, 1, h, w]."""
    rows = _ramp(area.height, starts=area.y > 0, ends=area.y + area.height < height)
    columns = _ramp(area.width, starts=area.x > 0, ends=area.x + area.width < width)
    return rows[None, None, :, None] * columns[None, None, None, :]


def _ramp(size: int, *, starts: bool, ends: bool) -> Tensor:
    reach = min(_FEATHER, size // 4)
    ramp = torch.ones(size)
    if reach:
        rise = torch.arange(1, reach + 1) / reach
        ramp[:reach] *= rise if starts else 1
        ramp[size - reach :] *= rise.flip(0) if ends else 1
    return ramp


def uncovered(weights: Sequence[tuple[Area | None, Tensor | float]], x: Tensor) -> Tensor:
    """What the parts' weights leave of 1, cell by cell: float32 [B, 1, h, w], never negative."""
    left = torch.ones_like(x[:, :1])
    for area, found in weights:
        part = area.clipped(*x.shape[-2:]).crop(left) if area else left
        part -= found
    return left.relu()

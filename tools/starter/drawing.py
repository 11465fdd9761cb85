"""Draws a scene as an anti-aliased RGB picture with signed distance functions.

Here: colours, where things are put, the shapes and the picture. Not here: what a scene means
(scenes.py) and reading a picture back (judge.py).
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from tools.starter.scenes import Scene

Array = npt.NDArray[np.floating[Any]]

SIDE = 128
INK = {
    "red": (217, 61, 66),
    "orange": (240, 138, 46),
    "yellow": (246, 206, 62),
    "green": (62, 158, 92),
    "blue": (52, 108, 204),
    "purple": (130, 72, 176),
    "pink": (240, 128, 178),
    "white": (252, 250, 245),
    "black": (36, 37, 48),
}
PAPER = {
    "white": (246, 243, 236),
    "yellow": (250, 226, 146),
    "green": (176, 222, 170),
    "blue": (158, 204, 242),
    "purple": (204, 180, 238),
    "pink": (250, 192, 206),
    "grey": (158, 160, 166),
    "black": (52, 54, 68),
}
_CORAL = np.array((236, 150, 130), np.float32) / 255
_SLATE = np.array((84, 106, 164), np.float32) / 255
_SHADOW_OFFSET = (1.5, 3.0)
_SHADOW_SOFTNESS = 5.0
_SHADOW_STRENGTH = 0.13


@dataclass(frozen=True)
class Spot:
    """Where one thing is: centre and radius in pixels of a 128-pixel picture."""

    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Finish:
    """How a scene is drawn; the defaults are the plain look, the others are what the LoRAs are
    taught.

    `outline` draws each thing as a coloured line on the bare background. `exposure` < 0 darkens, >
    0 brightens. `detail` > 0 covers everything with a fine pattern, < 0 takes textures, gradients
    and shadows away.
    """

    outline: bool = False
    exposure: float = 0.0
    detail: int = 0


def place(scene: Scene, rng: random.Random) -> tuple[Spot, ...]:
    """A spot for each thing of the scene, with a little jitter."""
    spots = [
        (x + rng.uniform(-3, 3), y + rng.uniform(-3, 3), radius * rng.uniform(0.93, 1.07))
        for x, y, radius in _ideal_spots(scene)
    ]
    return tuple(Spot(x, y, radius) for x, y, radius in spots)


def _ideal_spots(scene: Scene) -> list[tuple[float, float, float]]:
    large = [thing.size == "large" for thing in scene.things]
    if scene.relation == "alone":
        dx, dy = {"top": (0, -30), "bottom": (0, 30), "left": (-30, 0), "right": (30, 0)}.get(
            scene.place, (0, 0)
        )
        return [(64 + dx, 64 + dy, 41 if large[0] else 23)]
    if scene.relation == "row" and len(scene.things) == 3:
        radius = 20 if large[0] else 14
        return [(64, 36, radius), (36, 86, radius), (92, 86, radius)]
    radii = [25 if is_large else 16 for is_large in large]
    if scene.relation == "vertical":
        return [(64, 34, radii[0]), (64, 94, radii[1])]
    return [(34, 64, radii[0]), (94, 64, radii[1])]


def draw(
    scene: Scene, spots: tuple[Spot, ...], finish: Finish | None = None
) -> npt.NDArray[np.uint8]:
    """The picture, uint8 [128, 128, 3]."""
    finish = finish or Finish()
    ys, xs = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) + np.float32(0.5)
    picture = _background(scene, finish, xs, ys)
    for thing, spot in zip(scene.things, spots, strict=True):
        ink = np.array(INK[thing.colour], np.float32) / 255
        distance = signed_distance(thing.shape, spot, xs, ys)
        if finish.outline:
            picture = _blend(picture, ink, cover(np.abs(distance + 1.8) - 1.8))
            continue
        if finish.detail >= 0:
            dx, dy = _SHADOW_OFFSET
            soft = signed_distance(thing.shape, spot, xs - dx, ys - dy) / _SHADOW_SOFTNESS
            shade = _SHADOW_STRENGTH * np.clip(0.6 - 0.4 * soft, 0, 1)
            picture = picture * (1 - shade[..., None])
        paint = _paint(ink, thing.texture, finish, xs - spot.x, ys - spot.y)
        picture = _blend(picture, paint, cover(distance))
    if finish.exposure < 0:
        picture = picture * (1 + finish.exposure)
    if finish.exposure > 0:
        picture = 1 - (1 - picture) * (1 - finish.exposure)
    return (picture * 255 + 0.5).astype(np.uint8)


def _background(scene: Scene, finish: Finish, xs: Array, ys: Array) -> Array:
    paper = np.array(PAPER[scene.background], np.float32) / 255
    picture: Array = np.broadcast_to(paper, (SIDE, SIDE, 3)).astype(np.float32)
    if scene.gradient and finish.detail >= 0:
        ramp = ys / SIDE * 2 - 1
        picture = picture * (1 - 0.12 * np.clip(ramp, 0, 1)[..., None])
        picture = picture + (1 - picture) * (0.3 * np.clip(-ramp, 0, 1)[..., None])
    if finish.detail > 0:
        tone = paper * 0.76 if paper.max() > 0.4 else paper + (1 - paper) * 0.22
        picture = _blend(picture, tone, _dots(xs, ys, 16, 4))
    return picture


def _paint(ink: Array, texture: str, finish: Finish, xs: Array, ys: Array) -> Array:
    """The colour of every pixel of a thing, [H, W, 3]; at least 60 % of it is the plain ink."""
    tone = _second_tone(ink)
    pattern = texture if finish.detail == 0 else ("plain" if finish.detail < 0 else "striped")
    if pattern == "striped":
        across = (xs - ys) / np.float32(2**0.5)
        return _blend(ink, tone, cover((np.abs((across / 16) % 1 - 0.5) - 0.18) * 16))
    if pattern == "dotted":
        return _blend(ink, tone, _dots(xs, ys, 17, 4.6))
    return ink


def _second_tone(ink: Array) -> Array:
    """The colour of stripes and dots: darker ink; coral on white and slate on black, unlike every
    paper.
    """
    if ink.min() > 0.8:
        return _CORAL
    return _SLATE if ink.max() < 0.3 else ink * np.float32(0.6)


def _dots(xs: Array, ys: Array, pitch: float, radius: float) -> Array:
    across = (xs / pitch + 0.5) % 1 - 0.5
    down = (ys / pitch + 0.5) % 1 - 0.5
    return cover(np.hypot(across, down) * pitch - radius)


def _blend(below: Array, above: Array, amount: Array) -> Array:
    return np.asarray(below + (above - below) * amount[..., None], np.float32)


def cover(distance: Array) -> Array:
    """How much of a pixel lies inside, from its signed distance in pixels."""
    covered: Array = np.clip(0.5 - distance, 0, 1).astype(np.float32)
    return covered


def signed_distance(shape: str, spot: Spot, xs: Array, ys: Array) -> Array:
    """Pixels from each point to the outline of the shape, negative inside, float32 like `xs`."""
    unit = _UNIT_DISTANCE[shape]((xs - spot.x) / spot.radius, (ys - spot.y) / spot.radius)
    return np.asarray(unit * spot.radius, np.float32)


def _circle(x: Array, y: Array) -> Array:
    return np.hypot(x, y) - 0.95


def _ring(x: Array, y: Array) -> Array:
    return np.abs(np.hypot(x, y) - 0.7) - 0.25


def _box(x: Array, y: Array, half_width: float, half_height: float) -> Array:
    dx, dy = np.abs(x) - half_width, np.abs(y) - half_height
    outside: Array = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0))
    return outside + np.minimum(np.maximum(dx, dy), 0)


def _square(x: Array, y: Array) -> Array:
    return _box(x, y, 0.76, 0.76) - 0.04


def _cross(x: Array, y: Array) -> Array:
    return np.minimum(_box(x, y, 0.9, 0.28), _box(x, y, 0.28, 0.9)) - 0.04


def _diamond(x: Array, y: Array) -> Array:
    return _polygon(x, y, _corners("diamond")) - 0.03


def _triangle(x: Array, y: Array) -> Array:
    return _polygon(x, y, _corners("triangle")) - 0.05


def _star(x: Array, y: Array) -> Array:
    return _polygon(x, y, _corners("star")) - 0.04


def _heart(x: Array, y: Array) -> Array:
    return _polygon(x, y, _corners("heart"))


@cache
def _corners(shape: str) -> npt.NDArray[np.float64]:
    """Corners of a polygonal shape of radius about 1, y down, [N, 2]."""
    if shape == "diamond":
        return np.array([(0, -1), (0.6, 0), (0, 1), (-0.6, 0)], float)
    if shape == "triangle":
        return np.array([(0, -0.9), (0.92, 0.72), (-0.92, 0.72)], float)
    if shape == "star":
        turn = np.arange(10) * np.pi / 5
        reach = np.where(np.arange(10) % 2 == 0, 1.0, 0.42)
        return np.stack([reach * np.sin(turn), -reach * np.cos(turn) + 0.05], axis=1)
    turn = np.arange(36) * np.pi / 18
    across = 16 * np.sin(turn) ** 3
    up = 13 * np.cos(turn) - 5 * np.cos(2 * turn) - 2 * np.cos(3 * turn) - np.cos(4 * turn)
    return np.stack([across, -(up + 2.5)], axis=1) / 16


def _polygon(x: Array, y: Array, corners: npt.NDArray[np.float64]) -> Array:
    """Signed distance to a simple polygon: nearest edge, sign by the even-odd rule."""
    nearest = np.full(x.shape, np.inf, np.float32)
    inside = np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        ex, ey = np.float32(bx - ax), np.float32(by - ay)
        px, py = x - np.float32(ax), y - np.float32(ay)
        along = np.clip((px * ex + py * ey) / (ex * ex + ey * ey), 0, 1)
        nearest = np.minimum(nearest, np.hypot(px - along * ex, py - along * ey))
        if ey != 0:
            crosses = (py >= 0) != (y - np.float32(by) >= 0)
            inside ^= crosses & (px < py * ex / ey)
    return np.where(inside, -nearest, nearest)


_UNIT_DISTANCE: dict[str, Callable[[Array, Array], Array]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "ring": _ring,
    "heart": _heart,
    "cross": _cross,
    "diamond": _diamond,
}

"""Compares what a picture shows with what its scene asked for; the reading is in judge.py."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tools.starter.judge import Patch, read
from tools.starter.scenes import Scene


@dataclass(frozen=True)
class Score:
    """Right answers for one picture. `colours` and `shapes` count the scene's things, `things` is
    how many.
    """

    things: int
    colours: int
    shapes: int
    background: bool
    count: bool


def score(scene: Scene, picture: npt.NDArray[np.uint8]) -> Score:
    """Judge a picture of a scene of one, two or three things; uint8 [H, W, 3].

    The things asked for are met, in their order, by as many of the largest patches, in theirs. With
    a patch too few it is unclear which is missing, and all things are wrong. `count` is right when
    no further patch is of comparable size.
    """
    reading = read(picture)
    wanted = len(scene.things)
    found = _in_order(scene, reading.patches[:wanted])
    pairs = list(zip(scene.things, found, strict=True)) if len(found) == wanted else []
    extra = reading.patches[wanted:]
    comparable = found and extra and extra[0].area > 0.3 * min(patch.area for patch in found)
    return Score(
        things=wanted,
        colours=sum(thing.colour == patch.colour for thing, patch in pairs),
        shapes=sum(thing.shape == patch.shape for thing, patch in pairs),
        background=reading.background == scene.background,
        count=len(found) == wanted and not comparable,
    )


def _in_order(scene: Scene, patches: tuple[Patch, ...]) -> list[Patch]:
    """Patches in the order of the scene's things; those of a row are equal, any order will do."""
    if scene.relation == "vertical":
        return sorted(patches, key=lambda patch: patch.y)
    return sorted(patches, key=lambda patch: patch.x)

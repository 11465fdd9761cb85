"""Draws data sets: many scenes, their pictures and captions, in parallel and by seed.

Not here: what a scene is (scenes.py) and how one is drawn (drawing.py).
"""

import random
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from tools.starter.drawing import Finish, draw, place
from tools.starter.scenes import Scene, caption, sample_split

Pictures = npt.NDArray[np.uint8]
PLAIN = Finish()


@dataclass(frozen=True)
class Example:
    """One drawn scene: what it shows, a caption, and the picture, uint8 [128, 128, 3]."""

    scene: Scene
    caption: str
    picture: Pictures


def example(seed: int, finish: Finish = PLAIN, *, test: bool = False) -> Example:
    """The example of this seed; the finish changes the picture, never the scene or the places of
    its things.
    """
    rng = random.Random(seed)
    scene = sample_split(rng, test=test)
    words = caption(scene, rng)
    return Example(scene, words, draw(scene, place(scene, rng), finish))


def examples(
    seeds: Sequence[int], finishes: Sequence[Finish] = (PLAIN,), *, test: bool = False
) -> list[Example]:
    """Examples for the seeds, drawn on two processes; finishes are dealt out in turn."""
    dealt = [finishes[i % len(finishes)] for i in range(len(seeds))]
    with ProcessPoolExecutor(2) as pool:
        work = partial(_one, test=test)
        return list(pool.map(work, seeds, dealt, chunksize=64))


def _one(seed: int, finish: Finish, *, test: bool) -> Example:
    return example(seed, finish, test=test)

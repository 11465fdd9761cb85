"""Drawings: deterministic, anti-aliased, and different in just the way a finish says."""

import numpy as np
import pytest

from tools.starter.drawing import INK, PAPER, Finish, Spot, draw
from tools.starter.measure import ink, luminance, texture
from tools.starter.pictures import example
from tools.starter.scenes import SHAPES, Scene, Thing

SEEDS = range(20)


def alone(shape: str, texture_name: str = "plain") -> Scene:
    return Scene((Thing(shape, "red", texture_name, "large"),), "alone", "centre", "blue", False)


def test_the_same_seed_draws_the_same_picture() -> None:
    assert np.array_equal(example(11).picture, example(11).picture)
    assert not np.array_equal(example(11).picture, example(12).picture)


def test_a_finish_changes_the_picture_but_not_the_caption() -> None:
    plain, outlined = example(3), example(3, Finish(outline=True))
    assert plain.caption == outlined.caption
    assert not np.array_equal(plain.picture, outlined.picture)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_is_ink_in_its_body_and_paper_in_the_corner(shape: str) -> None:
    picture = draw(alone(shape), (Spot(64, 64, 40),))
    body = picture[64, 64 + 28] if shape == "ring" else picture[68, 64]
    assert tuple(body) == INK["red"]
    assert tuple(picture[2, 2]) == PAPER["blue"]


def test_edges_are_soft() -> None:
    picture = draw(alone("circle"), (Spot(64, 64, 40),), Finish(detail=-1))
    red = picture[..., 0].astype(int)
    between = (red > PAPER["blue"][0] + 5) & (red < INK["red"][0] - 5)
    assert between.sum() > 50


def test_most_of_a_textured_thing_keeps_its_plain_colour() -> None:
    for name in ("striped", "dotted"):
        picture = draw(alone("square", name), (Spot(64, 64, 40),))
        body = picture[40:90, 40:90].reshape(-1, 3)
        share = (body == INK["red"]).all(axis=1).mean()
        assert 0.5 < share < 0.95


def pictures(finish: Finish) -> np.ndarray:
    return np.stack([example(seed, finish).picture for seed in SEEDS])


def test_exposure_moves_luminance_in_its_direction() -> None:
    dark, plain, bright = (luminance(pictures(Finish(exposure=e))) for e in (-0.5, 0.0, 0.5))
    assert dark < plain - 0.1
    assert bright > plain + 0.05


def test_detail_moves_texture_in_its_direction() -> None:
    bare, plain, busy = (texture(pictures(Finish(detail=d))) for d in (-1, 0, 1))
    assert bare < plain < busy


def test_an_outline_takes_less_ink_than_a_filled_thing() -> None:
    assert ink(pictures(Finish(outline=True))) < 0.7 * ink(pictures(Finish()))

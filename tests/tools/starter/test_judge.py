"""The judge must read real drawings almost without fault before it may judge a model."""

import numpy as np

from tools.starter.drawing import Finish, Spot, draw
from tools.starter.judge import read
from tools.starter.measure import held_out_examples, rates
from tools.starter.scenes import Scene, Thing
from tools.starter.score import score

RED_STAR = Thing("star", "red", "plain", "large")
BLUE_RING = Thing("ring", "blue", "plain", "small")
STAR_ABOVE_RING = Scene((RED_STAR, BLUE_RING), "vertical", "centre", "yellow", False)
UP, DOWN = Spot(64, 34, 25), Spot(64, 94, 16)


def test_it_reads_held_out_drawings_with_at_most_one_error_in_a_hundred() -> None:
    examples = held_out_examples(150)
    found = rates([score(one.scene, one.picture) for one in examples])
    assert min(found.values()) >= 0.99, found


def test_it_still_reads_drawings_with_noise_and_blur() -> None:
    rng = np.random.default_rng(0)
    scores = []
    for one in held_out_examples(60):
        padded = np.pad(one.picture.astype(float), ((1, 1), (1, 1), (0, 0)), mode="edge")
        blurred = (padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]) / 4
        noisy = np.clip(blurred + rng.normal(0, 4, blurred.shape), 0, 255).astype(np.uint8)
        scores.append(score(one.scene, noisy))
    assert min(rates(scores).values()) >= 0.95


def test_it_names_what_it_sees_and_where() -> None:
    reading = read(draw(STAR_ABOVE_RING, (UP, DOWN)))
    assert reading.background == "yellow"
    assert [(patch.shape, patch.colour) for patch in reading.patches] == [
        ("star", "red"),
        ("ring", "blue"),
    ]
    assert reading.patches[0].y < reading.patches[1].y


def test_a_wrong_colour_a_wrong_shape_and_a_wrong_background_each_cost_their_point() -> None:
    other = Scene(
        (Thing("star", "green", "plain", "large"), Thing("heart", "blue", "plain", "small")),
        "vertical",
        "centre",
        "pink",
        False,
    )
    found = score(STAR_ABOVE_RING, draw(other, (UP, DOWN)))
    assert (found.colours, found.shapes, found.background, found.count) == (1, 1, False, True)


def test_things_in_swapped_places_are_wrong() -> None:
    found = score(STAR_ABOVE_RING, draw(STAR_ABOVE_RING, (DOWN, UP)))
    assert (found.colours, found.shapes) == (0, 0)


def test_a_missing_thing_is_wrong() -> None:
    alone = Scene((RED_STAR,), "alone", "centre", "yellow", False)
    found = score(STAR_ABOVE_RING, draw(alone, (UP,)))
    assert (found.colours, found.shapes, found.count) == (0, 0, False)


def test_an_empty_page_has_no_patches() -> None:
    page = np.full((128, 128, 3), 200, np.uint8)
    assert read(page).patches == ()


def test_an_outlined_thing_keeps_its_colour() -> None:
    picture = draw(STAR_ABOVE_RING, (UP, DOWN), Finish(outline=True))
    assert {patch.colour for patch in read(picture).patches} == {"red", "blue"}

"""What the text encoder is taught to tell, and where the UNet is taught to look."""

import random

import torch

from tools.starter.looking import looking_loss, places_of
from tools.starter.reading import UNSAID, Reader, answers, layout, lessons, loss_of, loudness
from tools.starter.scenes import COLOURS, PLACES, SHAPES, Scene, Thing, caption, sample_split

STAR = Thing("star", "red", "plain", "large")
RING = Thing("ring", "blue", "striped", "small")


def test_a_layout_says_what_is_where() -> None:
    assert layout(Scene((STAR, RING), "vertical", "centre", "white", False)) == {
        "top": STAR,
        "bottom": RING,
    }
    row = Scene((RING,) * 3, "row", "centre", "white", False)
    assert list(layout(row)) == ["left", "centre", "right"]
    assert layout(Scene((STAR,), "alone", "right", "white", False)) == {"right": STAR}


def test_the_answers_are_the_same_from_whichever_end_a_pair_is_told() -> None:
    scene = Scene((STAR, RING), "horizontal", "centre", "yellow", True)
    (left, _) = answers(scene, "a red star left of a striped blue ring")
    (right, rest) = answers(scene, "a striped blue ring right of a red star")
    assert left == right
    assert rest == [1, 1]
    told = right[PLACES.index("left")]
    assert told[:2] == [1 + SHAPES.index("star"), 1 + COLOURS.index("red")]
    assert right[PLACES.index("top")] == [0, 0, 0, 0]


def test_a_size_that_is_not_said_is_not_asked_for() -> None:
    scene = Scene((STAR,), "alone", "centre", "white", False)
    assert answers(scene, "a red star")[0][0][-1] == UNSAID
    assert answers(scene, "a large red star")[0][0][-1] != UNSAID


def test_a_perfect_reader_has_no_loss_and_no_mistake() -> None:
    _, places, rest = lessons(range(20), test=True)
    reader = Reader()
    said = reader(torch.zeros(20, 77, 64))

    def sure(scores: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        known = wanted.clamp(min=0).unsqueeze(-1)
        return torch.zeros_like(scores).scatter(-1, known, 50.0)

    perfect = (
        [sure(scores, places[:, :, n]) for n, scores in enumerate(said[0])],
        [sure(scores, rest[:, n]) for n, scores in enumerate(said[1])],
    )
    loss, right = loss_of(perfect, places, rest)
    assert loss.item() < 1e-6
    assert right.item() == 1


def test_words_that_say_nothing_are_not_loud_and_the_layout_never_is() -> None:
    empty, hidden = torch.zeros(1, 77, 64), torch.zeros(2, 77, 64)
    hidden[:, -1] = 5.0
    assert loudness(hidden, empty).item() == 0
    hidden[:, 3] = 1.0
    assert loudness(hidden, empty).item() > 0


def test_places_are_those_of_the_very_scenes_that_are_drawn() -> None:
    rng = random.Random(7)
    scene = sample_split(rng, test=False)
    assert caption(scene, rng)
    assert places_of([7]).tolist() == [[place in layout(scene) for place in PLACES]]


def test_looking_at_the_nearest_thing_costs_nothing_and_elsewhere_a_lot() -> None:
    places = torch.tensor([[place in ("top", "bottom") for place in PLACES]])

    def attention(upper: str, lower: str) -> torch.Tensor:
        weights = torch.zeros(1, 16, 77)
        weights[:, :8, 72 + PLACES.index(upper)] = 1
        weights[:, 8:, 72 + PLACES.index(lower)] = 1
        return weights

    assert abs(looking_loss([attention("top", "bottom")], places).item()) < 1e-4
    assert looking_loss([attention("bottom", "top")], places).item() > 5
    mixed = [attention("top", "bottom"), attention("bottom", "top")]
    assert 2.5 < looking_loss(mixed, places).item() < 20

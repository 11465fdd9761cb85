"""A Brownian path is one path, however a run goes along it."""

import warnings

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine.sampling.brownian import BrownianNoise, brownian
from engine.sampling.policy import NoiseProfile

LOW, HIGH = 0.0291671582, 14.6146411896
LIKE = torch.zeros(2, 4, 3, 3)
Places = st.floats(LOW, HIGH)


def path(seed: int | list[int] = 5) -> BrownianNoise:
    return BrownianNoise(LIKE, LOW, HIGH, seed)


def moved(noise: BrownianNoise, a: float, b: float) -> Tensor:
    """How far the path goes from `a` to `b`."""
    start, end = torch.tensor(a), torch.tensor(b)
    return noise(start, end) * (end - start).abs().sqrt()


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(st.tuples(Places, Places), min_size=1, max_size=5))
def test_the_order_of_questions_does_not_matter(queries: list[tuple[float, float]]) -> None:
    """So a run that goes on where another was cut off sees the same path."""
    asked = path()
    answers = [asked(*torch.tensor(query)) for query in queries]
    for query, answer in zip(queries, answers, strict=True):
        assert torch.equal(path()(*torch.tensor(query)), answer)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(Places, Places, Places)
def test_moves_add_up(a: float, b: float, c: float) -> None:
    noise = path()
    # Places are rounded to a millionth, which is a thousandth of the way that noise goes.
    assert torch.allclose(moved(noise, a, b) + moved(noise, b, c), moved(noise, a, c), atol=1e-2)


def test_draws_are_standard_normal() -> None:
    wide = BrownianNoise(torch.zeros(1, 16, 64, 64), LOW, HIGH, 3)
    for a, b in ((14.0, 9.0), (9.0, 0.5), (0.5, 0.1)):
        draw = wide(torch.tensor(a), torch.tensor(b))
        assert abs(float(draw.mean())) < 0.02
        assert abs(float(draw.std()) - 1) < 0.02


def test_no_way_is_no_noise() -> None:
    assert not path()(torch.tensor(3.0), torch.tensor(3.0)).any()


def test_there_is_no_motion_outside_of_the_range_and_nobody_is_warned() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        noise = path()
        beyond = moved(noise, 2 * HIGH, LOW / 2)
        assert torch.allclose(beyond, moved(noise, HIGH, LOW), atol=1e-2)
        assert not noise(torch.tensor(3 * HIGH), torch.tensor(2 * HIGH)).any()


def test_pictures_with_seeds_of_their_own_have_paths_of_their_own() -> None:
    a, b = torch.tensor(9.0), torch.tensor(2.0)
    both = path([7, 8])(a, b)
    for number, seed in enumerate((7, 8)):
        alone = BrownianNoise(LIKE[:1], LOW, HIGH, [seed])(a, b)
        assert torch.equal(both[number], alone[0])


def test_a_run_s_path_reaches_from_the_smallest_noise_to_the_greatest() -> None:
    sigmas, a, b = torch.tensor([10.0, 3.0, 0.5, 0.0]), torch.tensor(3.0), torch.tensor(0.5)
    found = brownian(LIKE, sigmas, 4, NoiseProfile.CURRENT)(a, b)
    assert torch.equal(found, BrownianNoise(LIKE, 0.5, 10.0, 4)(a, b))


def test_the_a1111_profile_numbers_the_pictures() -> None:
    sigmas, a, b = torch.tensor([10.0, 0.5, 0.0]), torch.tensor(10.0), torch.tensor(0.5)
    batch = brownian(LIKE, sigmas, 4, NoiseProfile.A1111)(a, b)
    taken = brownian(LIKE[:1], sigmas, 4, NoiseProfile.A1111, [1])(a, b)
    assert torch.equal(batch[1], taken[0])

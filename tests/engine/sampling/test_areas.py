"""Where prompt parts count: areas, masks, feathered borders, and the areas of the other side."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.sampling.areas import add_twins, mask_bounds, read_area, read_mask, uncovered, weight
from engine.sampling.entries import Area, Entry

CPU = torch.device("cpu")


def entry(tokens: float = 0.0, **options: Any) -> Entry:
    return Entry(torch.full((1, 1, 2), tokens), **options)


def frame(height: int = 12, width: int = 16, batch: int = 1) -> torch.Tensor:
    return torch.zeros(batch, 4, height, width)


def test_fractions_are_rounded_half_to_even_and_never_to_nothing() -> None:
    assert read_area(("percentage", 0.5, 0.25, 0.5, 0.5), 5, 10) == Area(2, 2, 2, 5)
    assert read_area(("percentage", 0.0, 0.0, 0.0, 0.0), 5, 10) == Area(1, 1, 0, 0)


@pytest.mark.parametrize(
    "value", [(8, 8, 12, 0), (8, 8, 0, 16), (8, 8, -1, 0), (0, 8, 0, 0), ("percentage", 1, 1, 0, 1)]
)
def test_an_area_outside_the_picture_is_said(value: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="not inside the picture of 128 x 96 pixels"):
        read_area(value, 12, 16)


def test_a_mask_is_brought_to_the_latent_s_size() -> None:
    mask = torch.arange(4.0).view(2, 2)
    assert read_mask(mask, 2, 2, CPU).tolist() == [mask.tolist()]
    assert read_mask(mask[None], 4, 4, CPU)[0, 0].tolist() == [0.0, 0.25, 0.75, 1.0]


def test_a_mask_with_numbers_that_are_none_is_said() -> None:
    with pytest.raises(ValueError, match="not finite"):
        read_mask(torch.full((2, 2), float("nan")), 2, 2, CPU)


def test_bounds_hold_what_any_picture_s_mask_has() -> None:
    mask = torch.zeros(2, 20, 30)
    mask[0, 3, 5], mask[1, 15, 25] = 0.1, -0.1
    assert mask_bounds(mask) == Area(13, 21, 3, 5)


def test_bounds_are_at_least_eight_cells_and_may_reach_past_the_frame() -> None:
    mask = torch.zeros(1, 12, 16)
    assert mask_bounds(mask) == Area(8, 8, 0, 0)
    mask[0, 10, 14] = 1
    assert mask_bounds(mask) == Area(8, 8, 10, 14)
    assert mask_bounds(mask).clipped(12, 16) == Area(2, 2, 10, 14)


def test_an_area_s_weight_falls_off_towards_borders_inside_the_picture() -> None:
    found = weight(entry(area=Area(12, 8, 0, 4), strength=0.5), frame())
    assert isinstance(found, torch.Tensor)
    # A quarter of 8 cells is 2: (t + 1) / 2. Above and below is the frame.
    assert found[0, 0, 0].tolist() == [0.25, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.25]
    assert torch.equal(found[0, 0, 0], found[0, 0, 11])


def test_no_border_is_wider_than_eight_cells() -> None:
    found = weight(entry(area=Area(100, 12, 4, 0)), frame(200, 16))
    assert isinstance(found, torch.Tensor)
    assert found[0, 0, :9, 0].tolist() == [k / 8 for k in range(1, 9)] + [1.0]


def test_an_area_of_few_cells_has_no_borders() -> None:
    found = weight(entry(area=Area(3, 3, 2, 2)), frame())
    assert isinstance(found, torch.Tensor)
    assert bool((found == 1).all())


def test_with_a_mask_an_area_has_no_borders() -> None:
    mask = torch.rand(1, 12, 16)
    found = weight(entry(area=Area(8, 8, 2, 4), mask=mask, mask_strength=0.5), frame())
    assert isinstance(found, torch.Tensor)
    assert torch.equal(found[0, 0], mask[0, 2:10, 4:12] * 0.5)


def test_masks_go_round_the_pictures_of_a_batch() -> None:
    mask = torch.stack([torch.zeros(12, 16), torch.ones(12, 16)])
    found = weight(entry(mask=mask), frame(batch=3))
    assert isinstance(found, torch.Tensor)
    assert found.mean((1, 2, 3)).tolist() == [0, 1, 0]


def test_the_other_side_gets_an_entry_with_its_own_prompt_for_each_area() -> None:
    area = Area(8, 8, 2, 2)
    positive, negative = [entry(1.0), entry(2.0, area=area, strength=0.7)], [entry(3.0)]
    add_twins([positive, negative])
    assert len(positive) == 2
    assert [(float(e.context.mean()), e.area, e.strength) for e in negative] == [
        (3.0, None, 1.0),
        (3.0, area, 0.7),
    ]


def test_the_prompt_comes_from_the_smallest_entry_around_the_area() -> None:
    area = Area(4, 4, 2, 2)
    negative = [entry(1.0), entry(2.0, area=Area(8, 8, 0, 0)), entry(3.0, area=Area(10, 10, 0, 0))]
    add_twins([[entry(9.0, area=area)], negative])
    assert [float(e.context.mean()) for e in negative if e.area == area] == [2.0]


def test_an_area_that_is_there_on_both_sides_needs_no_twin() -> None:
    area = Area(4, 4, 2, 2)
    groups = [[entry(area=area)], [entry(area=area), entry()]]
    add_twins(groups)
    assert [len(group) for group in groups] == [1, 2]


def test_an_area_that_nothing_surrounds_has_no_twin() -> None:
    groups = [[entry(area=Area(4, 4, 2, 2))], [entry(area=Area(4, 4, 3, 3))]]
    add_twins(groups)
    assert [len(group) for group in groups] == [1, 1]


AREAS = st.builds(
    Area, st.integers(1, 20), st.integers(1, 20), st.integers(0, 11), st.integers(0, 15)
)


@given(AREAS)
def test_what_is_left_uncovered_and_what_is_covered_make_one(area: Area) -> None:
    x = frame()
    covered = weight(entry(area=area), x)
    left = uncovered([(area, covered)], x)
    inside = area.clipped(12, 16).crop(left)
    assert torch.allclose(inside + covered, torch.ones_like(inside))
    assert left.sum() >= inside.sum()
    assert bool((left >= 0).all())


def test_more_than_full_cover_leaves_nothing() -> None:
    assert not uncovered([(None, 0.7), (None, 0.7)], frame()).any()

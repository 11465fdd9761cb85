"""What nodes make of prompts; values are the vectors' business (group conds)."""

from typing import Any

import pytest
import torch

from engine.sampling.mixing import average, combine, concat, with_mask, with_values, zero_out

A: list[Any] = [[torch.ones(1, 3, 2), {"pooled_output": torch.ones(1, 4), "note": "a"}]]
B: list[Any] = [[torch.full((1, 2, 2), 5.0), {}]]
WIDE: list[Any] = [[torch.ones(1, 3, 8), {}]]


def test_nothing_is_changed_in_place() -> None:
    before = A[0][0].clone()
    for made in (
        with_values(A, strength=2.0),
        with_mask(A, torch.ones(4, 4), 1.0, bounds=True),
        combine(A, B),
        average(A, B, 0.5),
        zero_out(A),
    ):
        made[0][1]["mine"] = True
    assert torch.equal(A[0][0], before)
    assert A[0][1].keys() == {"pooled_output", "note"}


def test_a_mask_gets_a_batch() -> None:
    ((_, options),) = with_mask(A, torch.ones(4, 5), 0.3, bounds=True)
    assert options["mask"].shape == (1, 4, 5)
    assert (options["mask_strength"], options["set_area_to_bounds"]) == (0.3, True)


def test_what_was_not_encoded_from_text_outlives_zeroing() -> None:
    ((tensor, options),) = zero_out(A)
    assert not tensor.any()
    assert not options["pooled_output"].any()
    assert options["note"] == "a"


def test_every_entry_is_joined_with_the_first_of_the_other() -> None:
    joined = concat([*A, *A], B)
    assert [tensor.shape[1] for tensor, _ in joined] == [5, 5]


@pytest.mark.parametrize("mix", [concat, lambda to, source: average(to, source, 0.5)])
def test_prompts_of_different_families_do_not_mix(mix: Any) -> None:
    with pytest.raises(ValueError, match="One conditioning is 2 wide and the other 8"):
        mix(A, WIDE)


@pytest.mark.parametrize("mix", [concat, lambda to, source: average(to, source, 0.5)])
def test_there_must_be_something_to_mix_with(mix: Any) -> None:
    with pytest.raises(ValueError, match="has no entries"):
        mix(A, [])

"""Finding what is no number."""

import pytest
import torch

from engine.weights.finite import all_finite


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_one_bad_number_is_found_wherever_it_is(bad: float) -> None:
    for at in (0, 5, 11):
        tensor = torch.zeros(2, 6)
        tensor.view(-1)[at] = bad
        assert not all_finite(tensor)
        assert not all_finite(tensor.t())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_large_numbers_are_numbers(dtype: torch.dtype) -> None:
    limits = torch.finfo(dtype)
    assert all_finite(torch.tensor([limits.max, limits.min, 0.0], dtype=dtype))


def test_nothing_is_finite() -> None:
    assert all_finite(torch.zeros(0, 4))

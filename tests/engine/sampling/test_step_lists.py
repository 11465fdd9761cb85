"""Lists of sigmas that no model is asked for: formulas, searched tables, cutting and joining."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.sampling import curves, sigmas, step_tables

LIST = torch.tensor([10.0, 6.0, 3.0, 1.5, 0.5, 0.0])

lists = st.lists(st.floats(0, 100, width=32), max_size=8).map(
    lambda values: torch.tensor(sorted(values, reverse=True), dtype=torch.float32)
)


@given(lists, st.integers(0, 12))
def test_the_halves_of_a_split_meet(values: torch.Tensor, step: int) -> None:
    before = values.clone()
    high, low = sigmas.split(values, step)
    assert high.tolist() == values.tolist()[: step + 1]
    assert low.tolist() == values.tolist()[step:]
    assert torch.equal(values, before)


@given(lists, st.floats(0, 1))
def test_splitting_by_a_share_loses_nothing(values: torch.Tensor, denoise: float) -> None:
    high, low = sigmas.split_denoise(values, denoise)
    if len(values) and len(high):
        assert high[-1] == low[0]
        assert [*high.tolist(), *low.tolist()[1:]] == values.tolist()


@given(lists)
def test_the_way_back_has_no_zero_to_start_from(values: torch.Tensor) -> None:
    flipped = sigmas.flip(values)
    assert flipped.tolist()[1:] == values.tolist()[::-1][1:]
    assert len(flipped) == 0 or flipped[0] > 0


@given(
    lists,
    st.integers(1, 5),
    st.floats(-1, 20),
    st.floats(0, 20),
    st.sampled_from([*sigmas.SPACINGS]),
)
def test_extending_keeps_every_sigma_and_adds_between(
    values: torch.Tensor, steps: int, start: float, end: float, spacing: str
) -> None:
    found = sigmas.extend(values, steps, start, end, spacing).tolist()
    rest = iter(found)
    assert all(value in rest for value in values.tolist())
    assert found == sorted(found, reverse=True)
    if steps == 1:
        assert found == values.tolist()


def test_no_function_changes_its_list() -> None:
    before = LIST.clone()
    for made in (
        sigmas.flip(LIST),
        sigmas.with_first(LIST, 3.0),
        sigmas.with_last(LIST, 3.0),
        sigmas.extend(LIST, 3, -1, 0, "sine"),
    ):
        made[:] = -1
    assert torch.equal(LIST, before)


def test_other_ends_leave_an_empty_list_empty() -> None:
    assert len(sigmas.with_first(LIST[:0], 1.0)) == len(sigmas.with_last(LIST[:0], 1.0)) == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda low: curves.exponential(4, low, 10.0),
        lambda low: curves.polyexponential(4, low, 10.0, 2.0),
    ],
)
def test_a_logarithm_of_nothing_is_refused(make: object) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match="sigma_min is 0 and has to be above 0"):
        make(0.0)


def test_a_root_of_order_0_is_refused() -> None:
    with pytest.raises(ValueError, match="rho is 0 and has to be above 0"):
        curves.karras(4, 0.1, 10.0, 0.0)


def test_noise_without_end_is_refused() -> None:
    with pytest.raises(ValueError, match="noise levels without end"):
        curves.variance_preserving(4, 5000.0, 5000.0, 0.5)


@pytest.mark.parametrize("steps", [1, 2, 10_000])
def test_formulas_give_as_many_sigmas_as_they_say(steps: int) -> None:
    assert len(curves.karras(steps, 0.1, 10.0)) == steps + 1
    assert len(curves.exponential(steps, 0.1, 10.0)) == steps + 1
    assert len(curves.polyexponential(steps, 0.1, 10.0, 3.0)) == steps + 1
    assert len(curves.variance_preserving(steps, 19.9, 0.1, 0.001)) == steps + 1
    assert len(curves.laplace(steps, 0.0, 10.0, 10.0, 10.0)) == steps


@pytest.mark.parametrize("denoise", [0.0, 0.3, 1.0])
def test_searched_tables_end_in_zero_and_give_the_steps_asked_for(denoise: float) -> None:
    for steps in (3, 10, 37):
        for found in (
            step_tables.align_your_steps("SDXL", steps, denoise),
            step_tables.optimal_steps("Wan", steps, denoise),
            step_tables.gits(1.2, steps, denoise),
        ):
            assert len(found) == (round(steps * denoise) + 1 if denoise else 0)
            assert found.tolist()[-1:] in ([], [0.0])
            assert bool((found.diff() < 0).all())


def test_stretched_tables_keep_their_ends() -> None:
    found = step_tables.align_your_steps("SVD", 33, 1.0)
    assert math.isclose(float(found[0]), 700.0, rel_tol=1e-6)


@pytest.mark.parametrize("coefficient", [0.83, 0.75, 1.55])
def test_a_coefficient_without_a_table_is_named_with_those_there_are(coefficient: float) -> None:
    with pytest.raises(ValueError, match=r"coefficients 0\.80, 0\.85.* is none of them"):
        step_tables.gits(coefficient, 10, 1.0)

"""Which prompt parts share a call of the model, in which order, and how predictions are mixed."""

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from engine.sampling.entries import Area, Entry
from engine.sampling.evaluation import Evaluator
from engine.sampling.facts import RunFacts
from engine.sampling.inputs import NO_INPUTS, Inputs
from engine.sampling.latent_format import latent_format
from engine.sampling.lora_hooks import ScheduledPatch
from engine.sampling.model import DiffusionModel
from engine.sampling.model_sampling import ModelSampling
from engine.weights.handles import LoraPatch, WeightsFile

SIGMA = torch.tensor(5.0)


@dataclass
class Words:
    """A predictor that says the mean of the context; `largest` batch that its memory holds."""

    largest: int = 100
    calls: list[tuple[tuple[int, ...], int]] = field(default_factory=list)
    inputs: list[Inputs] = field(default_factory=list)

    def __call__(
        self, x: Tensor, sigma: Tensor, context: Tensor, inputs: Inputs = NO_INPUTS
    ) -> Tensor:
        assert inputs.call is not None
        if x.shape[0] > self.largest:
            raise torch.OutOfMemoryError("too much")
        self.calls.append((inputs.call.cond_or_uncond, context.shape[1]))
        self.inputs.append(inputs)
        return torch.zeros_like(x) + context.mean((1, 2)).view(-1, 1, 1, 1)


def entry(value: float, tokens: int = 2, **options: Any) -> Entry:
    return Entry(torch.full((1, tokens, 2), float(value)), **options)


def evaluate(
    *groups: list[Entry] | None, batch: int = 1, words: Words | None = None
) -> tuple[tuple[Tensor, ...], Words]:
    words = words or Words()
    x = torch.zeros(batch, 4, 8, 8)
    model = DiffusionModel(words, ModelSampling(), latent_format("SD15"), 2)
    facts = RunFacts(x, x, torch.tensor([5.0, 0.0]))
    return Evaluator(model, facts)(groups, x, SIGMA), words


def test_a_pair_is_one_call_with_the_negative_first() -> None:
    (C, U), words = evaluate([entry(1)], [entry(2)])
    assert words.calls == [((1, 0), 2)]
    assert (float(C.mean()), float(U.mean())) == (1, 2)


def test_the_last_entries_come_first() -> None:
    _, words = evaluate([entry(1), entry(2)], [entry(3)])
    assert words.calls == [((1, 0, 0), 2)]


def test_a_group_that_is_left_out_or_has_nothing_active_predicts_zero() -> None:
    late = entry(7, start_sigma=4.0)
    (C, U, other), words = evaluate([late], None, [entry(3)])
    assert not C.any()
    assert not U.any()
    assert float(other.mean()) == 3
    assert words.calls == [((2,), 2)]


def test_both_ends_of_a_range_are_inside_it() -> None:
    (C,), _ = evaluate([entry(1, start_sigma=5.0, end_sigma=5.0)])
    assert float(C.mean()) == 1


def test_tokens_are_repeated_to_a_common_length_unless_that_is_many() -> None:
    assert evaluate([entry(1, 6)], [entry(2, 4)])[1].calls == [((1, 0), 12)]
    assert evaluate([entry(1, 10)], [entry(2, 2)])[1].calls == [((0,), 10), ((1,), 2)]


def test_entries_of_different_size_do_not_share_a_call() -> None:
    _, words = evaluate([entry(1), entry(2, area=Area(4, 4, 0, 0))], [entry(3)])
    assert words.calls == [((1, 0), 2), ((0,), 2)]


def test_entries_with_and_without_a_vector_do_not_share_a_call() -> None:
    _, words = evaluate([entry(1, y=torch.ones(1, 3))], [entry(2)])
    assert words.calls == [((0,), 2), ((1,), 2)]
    assert [one.y is None for one in words.inputs] == [False, True]


def test_what_entries_bring_is_repeated_over_the_batch_and_cropped() -> None:
    concat = torch.arange(64.0).view(1, 1, 8, 8)
    area = Area(2, 3, 1, 2)
    _, words = evaluate([entry(1, y=torch.ones(1, 3), concat=concat, area=area)], batch=2)
    (found,) = words.inputs
    assert found.y is not None
    assert found.concat is not None
    assert found.y.shape == (2, 3)
    assert torch.equal(found.concat, concat[..., 1:3, 2:5].repeat(2, 1, 1, 1))


def test_a_call_that_does_not_fit_in_memory_is_made_in_parts() -> None:
    words = Words(largest=2)
    (C, U), _ = evaluate([entry(1), entry(3), entry(8)], [entry(2)], words=words)
    assert words.calls == [((1, 0), 2), ((0, 0), 2)]
    assert (float(C.mean()), float(U.mean())) == (4, 2)


def test_what_does_not_fit_on_its_own_is_said() -> None:
    with pytest.raises(torch.OutOfMemoryError):
        evaluate([entry(1)], [entry(2)], words=Words(largest=0))


def test_a_default_prompt_fills_what_the_others_leave() -> None:
    mask = torch.zeros(1, 8, 8)
    mask[:, :, :4] = 1
    (C, _), words = evaluate([entry(1, mask=mask), entry(5, default=True)], [entry(2)])
    assert words.calls == [((0, 1, 0), 2)]
    assert torch.equal(C[0, 0, 0], torch.tensor([1.0] * 4 + [5.0] * 4))


def test_a_default_prompt_that_has_no_place_is_not_evaluated() -> None:
    _, words = evaluate([entry(1), entry(5, default=True)], [entry(2)])
    assert words.calls == [((1, 0), 2)]


def test_entries_with_different_patches_are_computed_with_weights_of_their_own() -> None:
    file = WeightsFile("a.safetensors", 1, 1)
    hooked = [ScheduledPatch(LoraPatch(file, strength)) for strength in (1.0, 0.0)]
    with pytest.raises(ValueError, match="no weights to put them on"):
        evaluate([entry(1, hooks=(hooked[0],))], [entry(2)])
    _, words = evaluate([entry(1, hooks=(hooked[1],))], [entry(2)])
    assert words.calls == [((1, 0), 2)]


@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(0.1, 5)), min_size=1, max_size=4))
def test_a_group_predicts_the_mean_weighted_by_strengths(parts: list[tuple[float, float]]) -> None:
    (found,), _ = evaluate([entry(value, strength=strength) for value, strength in parts])
    total = sum(strength for _, strength in parts)
    mean = sum(value * strength for value, strength in parts) / total
    assert torch.allclose(found, torch.full_like(found, mean), atol=1e-5)


@given(st.floats(0.1, 10), st.integers(0, 7), st.integers(0, 7), st.integers(1, 8))
def test_a_prompt_on_its_own_counts_fully_wherever_it_is(
    strength: float, y: int, x: int, size: int
) -> None:
    area = Area(size, size, y, x)
    (found,), _ = evaluate([entry(2.0, area=area, strength=strength)])
    assert torch.allclose(area.crop(found), torch.tensor(2.0))
    assert int((found != 0).sum()) == area.crop(found).numel()

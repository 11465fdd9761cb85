"""LoRAs that act through prompts: keyframes over a run, and text encoders for its parts."""

import itertools
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from engine.sampling.facts import RunFacts
from engine.sampling.guiders import CfgGuider
from engine.sampling.lora_hooks import (
    ClipHooks,
    Keyframe,
    LoraHook,
    clip_spans,
    combined,
    in_order,
    interpolated,
    scheduled,
    spread,
    with_keyframes,
)
from engine.sampling.model import DiffusionModel
from engine.weights.handles import Clip, LoraPatch, WeightsFile
from tests.engine.sampling.toy import MODEL_KINDS, NEGATIVE, POSITIVE, toy_model

A, B = (WeightsFile(f"{name}.safetensors", 1, 1) for name in "ab")
LEVELS = MODEL_KINDS["sd1"].levels


def sigma(percent: float) -> float:
    return LEVELS.percent_to_sigma(percent)


def test_hooks_are_put_together_each_once() -> None:
    one, two = LoraHook(A, 1.0, 1.0), LoraHook(B, 1.0, 1.0)
    assert combined((one,), None, (two, one)) == (one, two)


def test_keyframes_are_kept_by_their_starts_and_the_later_of_two_counts() -> None:
    given_ = [Keyframe(1.0, 0.5), Keyframe(2.0, 0.0), Keyframe(3.0, 0.5)]
    assert in_order(given_) == (Keyframe(2.0, 0.0), Keyframe(3.0, 0.5))


@given(
    st.floats(0, 10),
    st.floats(0, 10),
    st.sampled_from(["linear", "ease_in", "ease_out", "ease_in_out"]),
    st.integers(2, 50),
)
def test_interpolation_begins_and_ends_where_it_was_told(
    first: float, last: float, how: str, count: int
) -> None:
    found = interpolated(first, last, how, 0.2, 0.7, count)
    assert len(found) == count
    assert found[0].strength == pytest.approx(first)
    assert found[-1].strength == pytest.approx(last)
    assert (found[0].start_percent, found[-1].start_percent) == pytest.approx((0.2, 0.7))
    rising = [b.strength - a.strength for a, b in itertools.pairwise(found)]
    assert all((step >= -1e-9) if last >= first else (step <= 1e-9) for step in rising)


def test_one_strength_is_one_keyframe() -> None:
    assert spread([2.0], 0.3, 0.9) == (Keyframe(2.0, 0.3),)


def test_a_strength_holds_from_its_keyframe_to_the_next() -> None:
    keys = (Keyframe(0.5, 0.2), Keyframe(2.0, 0.6))
    (patch,) = scheduled(with_keyframes((LoraHook(A, 3.0, 1.0),), keys), LEVELS)
    strengths = [patch.at(sigma(percent)).strength for percent in (0.1, 0.2, 0.5, 0.6, 0.99)]
    assert strengths == [1.5, 1.5, 1.5, 6.0, 6.0]
    assert patch.at(sigma(0.1)) == LoraPatch(A, 1.5)


def test_a_hook_without_strength_on_the_model_does_nothing_to_it() -> None:
    assert scheduled((LoraHook(A, 0.0, 1.0),), LEVELS) == ()


CLIP = Clip(A)
HOOKS = with_keyframes((LoraHook(B, 1.0, 2.0),), (Keyframe(1.0, 0.0), Keyframe(0.0, 0.4)))


def test_a_text_encoder_without_hooks_stands_for_itself() -> None:
    (span,) = clip_spans(CLIP)
    assert (span.clip, span.options) == (CLIP, {})


def test_hooks_patch_the_text_encoder_and_go_with_what_it_encodes() -> None:
    (span,) = clip_spans(CLIP.with_option(ClipHooks(HOOKS, to_conds=True, by_keyframe=False)))
    assert span.clip == CLIP.patched(LoraPatch(B, 2.0))
    assert span.options == {"hooks": HOOKS}
    (span,) = clip_spans(CLIP.with_option(ClipHooks(HOOKS, to_conds=False, by_keyframe=False)))
    assert span.options == {}


def test_a_scheduled_text_encoder_is_another_one_for_each_part_of_a_run() -> None:
    spans = list(clip_spans(CLIP.with_option(ClipHooks(HOOKS, to_conds=False, by_keyframe=True))))
    assert [span.clip.patches for span in spans] == [(LoraPatch(B, 2.0),), ()]
    assert [span.options for span in spans] == [
        {"clip_start_percent": 0.0, "clip_end_percent": 0.4},
        {"clip_start_percent": 0.4, "clip_end_percent": 1.0},
    ]


def evaluated(positive: Any, at: float) -> tuple[Tensor, list[tuple[LoraPatch, ...]]]:
    """The positive prediction of a toy whose patched networks predict twice as much."""
    asked: list[tuple[LoraPatch, ...]] = []
    plain = toy_model("sd1", direct=False)
    network: Any = plain.predict.network

    def repatch(patches: tuple[LoraPatch, ...]) -> Any:
        asked.append(patches)
        return lambda *args, **options: network(*args, **options) * 2

    model: DiffusionModel = replace(plain, repatch=repatch)
    x = torch.ones(1, 4, 4, 4)
    facts = RunFacts(torch.zeros_like(x), x, torch.tensor([14.0, 0.0]))
    denoise = CfgGuider(model, positive, NEGATIVE, 1.0).denoiser(model, facts)
    return denoise(x, torch.tensor(at))[0], asked


def prompt(**options: Any) -> Any:
    return [[POSITIVE[0][0], options]]


def test_a_prompt_is_evaluated_with_its_own_weights() -> None:
    at = 3.0
    plain, asked = evaluated(prompt(), at)
    assert asked == []
    hooked, asked = evaluated(prompt(hooks=(LoraHook(A, 0.5, 1.0),)), at)
    assert asked == [(LoraPatch(A, 0.5),)]
    x = torch.ones(1, 4, 4, 4)
    assert torch.allclose(x - hooked, 2 * (x - plain), atol=1e-4)


def test_strengths_follow_the_keyframes_and_nothing_is_patched_at_zero() -> None:
    options = {"hooks": with_keyframes(HOOKS, (Keyframe(0.5, 0.0), Keyframe(0.0, 0.5)))}
    assert evaluated(prompt(**options), sigma(0.1))[1] == [(LoraPatch(B, 0.5),)]
    assert evaluated(prompt(**options), sigma(0.6))[1] == []


def test_an_encoder_s_part_of_the_run_narrows_the_prompt_s() -> None:
    options = {"start_percent": 0.2, "clip_start_percent": 0.4, "clip_end_percent": 0.6}
    for percent, active in ((0.3, False), (0.5, True), (0.7, False)):
        assert bool(evaluated(prompt(**options), sigma(percent))[0].any()) == active

"""LoRAs that act through a prompt: only while that prompt is evaluated, with strengths that may
change over a run. What flows along HOOKS, HOOK_KEYFRAMES and TIMESTEPS_RANGE links.

Which network is computed with which patches is `model.py`'s business, baking them the residency's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from engine.sampling.levels import Levels
from engine.sampling.ranges import sigma_at
from engine.weights.handles import Clip, LoraPatch, WeightsFile

Timesteps = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Keyframe:
    """From `start_percent` of a run on, strengths are multiplied by `strength`."""

    strength: float
    start_percent: float


@dataclass(frozen=True, slots=True)
class LoraHook:
    """A LoRA file with its strengths; `keyframes` by their starts, none for steady strengths."""

    file: WeightsFile
    strength_model: float
    strength_clip: float
    keyframes: tuple[Keyframe, ...] = ()


LoraHooks = tuple[LoraHook, ...]


def combined(*groups: LoraHooks | None) -> LoraHooks:
    """All hooks of the groups in their order, each once."""
    return tuple(dict.fromkeys(hook for group in groups for hook in group or ()))


def with_keyframes(hooks: LoraHooks, keyframes: Sequence[Keyframe]) -> LoraHooks:
    return tuple(replace(hook, keyframes=tuple(keyframes)) for hook in hooks)


def in_order(keyframes: Sequence[Keyframe]) -> tuple[Keyframe, ...]:
    """By their starts; of two with the same start the later one counts."""
    by_start = {one.start_percent: one for one in keyframes}
    return tuple(by_start[start] for start in sorted(by_start))


def interpolated(
    first: float, last: float, how: str, start: float, end: float, count: int
) -> tuple[Keyframe, ...]:
    """`count` keyframes, evenly spread from `start` to `end` percent, from one strength to another.

    `how` is "linear", "ease_in" (slow at first), "ease_out" (slow at last) or "ease_in_out".
    """
    curves = {
        "linear": lambda t: t,
        "ease_in": lambda t: t**2,
        "ease_out": lambda t: 1 - (1 - t) ** 2,
        "ease_in_out": lambda t: 3 * t**2 - 2 * t**3,
    }
    shares = [k / (count - 1) for k in range(count)]
    strengths = [first + (last - first) * curves[how](t) for t in shares]
    return spread(strengths, start, end)


def spread(strengths: Sequence[float], start: float, end: float) -> tuple[Keyframe, ...]:
    """A keyframe for each strength, evenly from `start` to `end` percent."""
    last = max(1, len(strengths) - 1)
    return tuple(
        Keyframe(float(strength), start + (end - start) * k / last)
        for k, strength in enumerate(strengths)
    )


@dataclass(frozen=True, slots=True)
class ScheduledPatch:
    """A model patch over a run: `changes` are (sigma, multiplier), the multiplier holding from that
    noise level downwards; before the first it holds, too.
    """

    patch: LoraPatch
    changes: tuple[tuple[float, float], ...] = ()

    def at(self, sigma: float) -> LoraPatch:
        multiplier = self.changes[0][1] if self.changes else 1.0
        for start, strength in self.changes:
            if sigma <= start:
                multiplier = strength
        return replace(self.patch, strength=self.patch.strength * multiplier)


def scheduled(hooks: LoraHooks, levels: Levels) -> tuple[ScheduledPatch, ...]:
    """What `hooks` do to a model with these noise levels."""
    return tuple(
        ScheduledPatch(
            LoraPatch(hook.file, hook.strength_model),
            tuple((sigma_at(k.start_percent, levels), k.strength) for k in hook.keyframes),
        )
        for hook in hooks
        if hook.strength_model != 0
    )


@dataclass(frozen=True, slots=True)
class ClipHooks:
    """LoraHooks on a text encoder.

    `to_conds`: what it encodes carries them on to the model. `by_keyframe`: a prompt is encoded
    anew for each part of a run between keyframes; otherwise with the strengths of its start.
    """

    hooks: LoraHooks
    to_conds: bool
    by_keyframe: bool


@dataclass(frozen=True, slots=True)
class ClipSpan:
    """A text encoder for a part of a run: what it encodes gets `options` in its dict."""

    clip: Clip
    options: dict[str, Any]


def clip_spans(clip: Clip) -> Iterator[ClipSpan]:
    """The encoders that stand for `clip`, one for each part of a run with strengths of its own."""
    found = [option for option in clip.options if isinstance(option, ClipHooks)]
    hooks = combined(*(option.hooks for option in found))
    passed = combined(*(option.hooks for option in found if option.to_conds))
    carried: dict[str, Any] = {"hooks": passed} if passed else {}
    plain = replace(clip, options=())
    if not any(option.by_keyframe for option in found):
        yield ClipSpan(_patched(plain, hooks, 0.0), carried)
        return
    starts = {key.start_percent for hook in hooks for key in hook.keyframes if key.start_percent}
    for start, end in pairwise([0.0, *sorted(starts), 1.0]):
        if start < end:
            span = {"clip_start_percent": start, "clip_end_percent": end}
            yield ClipSpan(_patched(plain, hooks, start), {**carried, **span})


def _patched(clip: Clip, hooks: LoraHooks, percent: float) -> Clip:
    for hook in hooks:
        strength = hook.strength_clip * _multiplier(hook, percent)
        if strength != 0:
            clip = clip.patched(LoraPatch(hook.file, strength))
    return clip


def _multiplier(hook: LoraHook, percent: float) -> float:
    begun = [one for one in hook.keyframes if one.start_percent <= percent]
    return (begun[-1] if begun else hook.keyframes[0]).strength if hook.keyframes else 1.0

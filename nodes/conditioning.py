"""Nodes that say where and when an encoded prompt acts, and that mix prompts."""

from typing import Annotated

from engine.graph.native import Choice, Range, node
from engine.sampling.mixing import average, combine, concat, with_mask, with_values, zero_out
from nodes.types import CONDITIONING, MASK, Percent, Share

Strength = Annotated[float, Range(0.0, 10.0, 0.01)]
Place = Annotated[int, Range(0, 16384, 8)]
CondArea = Annotated[str, Choice(("default", "mask bounds"))]


@node("ConditioningCombine", "Conditioning (Combine)", category="conditioning")
def conditioning_combine(
    *, conditioning_1: CONDITIONING, conditioning_2: CONDITIONING
) -> CONDITIONING:
    """Lets both prompts act at once; what they predict is averaged by area, mask and strength."""
    return combine(conditioning_1, conditioning_2)


@node("ConditioningAverage", category="conditioning")
def conditioning_average(
    *,
    conditioning_to: CONDITIONING,
    conditioning_from: CONDITIONING,
    conditioning_to_strength: Share = 1.0,
) -> CONDITIONING:
    """Mixes two encoded prompts into one; at strength 1 it is all "to", at 0 all "from"."""
    return average(conditioning_to, conditioning_from, conditioning_to_strength)


@node("ConditioningConcat", "Conditioning (Concat)", category="conditioning")
def conditioning_concat(
    *, conditioning_to: CONDITIONING, conditioning_from: CONDITIONING
) -> CONDITIONING:
    """Puts the tokens of one prompt behind those of another, as one longer prompt."""
    return concat(conditioning_to, conditioning_from)


@node("ConditioningSetArea", "Conditioning (Set Area)", category="conditioning")
def conditioning_set_area(
    *,
    conditioning: CONDITIONING,
    width: Annotated[int, Range(64, 16384, 8)] = 64,
    height: Annotated[int, Range(64, 16384, 8)] = 64,
    x: Place = 0,
    y: Place = 0,
    strength: Strength = 1.0,
) -> CONDITIONING:
    """Lets a prompt act in a rectangle of the picture only, in pixels."""
    area = (height // 8, width // 8, y // 8, x // 8)
    return with_values(conditioning, area=area, strength=strength, set_area_to_bounds=False)


@node(
    "ConditioningSetAreaPercentage",
    "Conditioning (Set Area with Percentage)",
    category="conditioning",
)
def conditioning_set_area_percentage(
    *,
    conditioning: CONDITIONING,
    width: Share = 1.0,
    height: Share = 1.0,
    x: Share = 0.0,
    y: Share = 0.0,
    strength: Strength = 1.0,
) -> CONDITIONING:
    """Lets a prompt act in a rectangle of the picture only, given as fractions of it."""
    area = ("percentage", height, width, y, x)
    return with_values(conditioning, area=area, strength=strength, set_area_to_bounds=False)


@node("ConditioningSetAreaStrength", category="conditioning")
def conditioning_set_area_strength(
    *, conditioning: CONDITIONING, strength: Strength = 1.0
) -> CONDITIONING:
    """How much a prompt counts where several act."""
    return with_values(conditioning, strength=strength)


@node("ConditioningSetMask", "Conditioning (Set Mask)", category="conditioning")
def conditioning_set_mask(
    *,
    conditioning: CONDITIONING,
    mask: MASK,
    strength: Strength = 1.0,
    set_cond_area: CondArea,
) -> CONDITIONING:
    """Lets a prompt act where a mask is bright. With "mask bounds" only that part is looked at."""
    return with_mask(conditioning, mask, strength, bounds=set_cond_area != "default")


@node("ConditioningZeroOut", category="advanced/conditioning")
def conditioning_zero_out(*, conditioning: CONDITIONING) -> CONDITIONING:
    """Zeros in place of a prompt: what some models take for an empty one."""
    return zero_out(conditioning)


@node("ConditioningSetTimestepRange", category="advanced/conditioning")
def conditioning_set_timestep_range(
    *, conditioning: CONDITIONING, start: Percent = 0.0, end: Percent = 1.0
) -> CONDITIONING:
    """Lets a prompt act in a part of the run only: 0 is its first step, 1 its end."""
    return with_values(conditioning, start_percent=start, end_percent=end)

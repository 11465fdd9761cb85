"""Nodes that set several properties of prompts at once, for one prompt or for a pair."""

from torch import Tensor

from engine.graph.native import node
from engine.sampling.lora_hooks import LoraHooks, Timesteps, combined
from engine.sampling.mixing import Conditioning, Entries, combine, with_mask, with_values
from nodes.conditioning import CondArea, Strength
from nodes.types import CONDITIONING, HOOKS, MASK, TIMESTEPS_RANGE

_SINGLE = "advanced/hooks/cond single"
_PAIR = "advanced/hooks/cond pair"
_SIDES = ("positive", "negative")


@node("ConditioningSetProperties", "Cond Set Props", category=_SINGLE, experimental=True)
def conditioning_set_properties(
    *,
    cond_NEW: CONDITIONING,
    strength: Strength = 1.0,
    set_cond_area: CondArea,
    mask: MASK | None = None,
    hooks: HOOKS | None = None,
    timesteps: TIMESTEPS_RANGE | None = None,
) -> CONDITIONING:
    """Sets strength, mask, hooks and part of the run of a prompt at once."""
    return _set(cond_NEW, strength, set_cond_area, mask, hooks, timesteps)


@node(
    "ConditioningSetPropertiesAndCombine",
    "Cond Set Props Combine",
    category=_SINGLE,
    experimental=True,
)
def conditioning_set_properties_and_combine(
    *,
    cond: CONDITIONING,
    cond_NEW: CONDITIONING,
    strength: Strength = 1.0,
    set_cond_area: CondArea,
    mask: MASK | None = None,
    hooks: HOOKS | None = None,
    timesteps: TIMESTEPS_RANGE | None = None,
) -> CONDITIONING:
    """Sets the properties of a new prompt and lets it act beside another."""
    return combine(cond, _set(cond_NEW, strength, set_cond_area, mask, hooks, timesteps))


@node(
    "ConditioningSetDefaultCombine", "Cond Set Default Combine", category=_SINGLE, experimental=True
)
def conditioning_set_default_combine(
    *, cond: CONDITIONING, cond_DEFAULT: CONDITIONING, hooks: HOOKS | None = None
) -> CONDITIONING:
    """Adds a prompt that acts where the others leave the picture uncovered."""
    return _with_default(cond, cond_DEFAULT, hooks)


@node(
    "PairConditioningSetProperties",
    "Cond Pair Set Props",
    category=_PAIR,
    output_names=_SIDES,
    experimental=True,
)
def pair_conditioning_set_properties(
    *,
    positive_NEW: CONDITIONING,
    negative_NEW: CONDITIONING,
    strength: Strength = 1.0,
    set_cond_area: CondArea,
    mask: MASK | None = None,
    hooks: HOOKS | None = None,
    timesteps: TIMESTEPS_RANGE | None = None,
) -> tuple[CONDITIONING, CONDITIONING]:
    """Sets strength, mask, hooks and part of the run of a pair of prompts at once."""
    return (
        _set(positive_NEW, strength, set_cond_area, mask, hooks, timesteps),
        _set(negative_NEW, strength, set_cond_area, mask, hooks, timesteps),
    )


@node(
    "PairConditioningSetPropertiesAndCombine",
    "Cond Pair Set Props Combine",
    category=_PAIR,
    output_names=_SIDES,
    experimental=True,
)
def pair_conditioning_set_properties_and_combine(
    *,
    positive: CONDITIONING,
    negative: CONDITIONING,
    positive_NEW: CONDITIONING,
    negative_NEW: CONDITIONING,
    strength: Strength = 1.0,
    set_cond_area: CondArea,
    mask: MASK | None = None,
    hooks: HOOKS | None = None,
    timesteps: TIMESTEPS_RANGE | None = None,
) -> tuple[CONDITIONING, CONDITIONING]:
    """Sets the properties of a new pair of prompts and lets it act beside another."""
    return (
        combine(positive, _set(positive_NEW, strength, set_cond_area, mask, hooks, timesteps)),
        combine(negative, _set(negative_NEW, strength, set_cond_area, mask, hooks, timesteps)),
    )


@node(
    "PairConditioningSetDefaultCombine",
    "Cond Pair Set Default Combine",
    category=_PAIR,
    output_names=_SIDES,
    experimental=True,
)
def pair_conditioning_set_default_combine(
    *,
    positive: CONDITIONING,
    negative: CONDITIONING,
    positive_DEFAULT: CONDITIONING,
    negative_DEFAULT: CONDITIONING,
    hooks: HOOKS | None = None,
) -> tuple[CONDITIONING, CONDITIONING]:
    """Adds a pair of prompts that acts where the others leave the picture uncovered."""
    return (
        _with_default(positive, positive_DEFAULT, hooks),
        _with_default(negative, negative_DEFAULT, hooks),
    )


@node(
    "PairConditioningCombine",
    "Cond Pair Combine",
    category=_PAIR,
    output_names=_SIDES,
    experimental=True,
)
def pair_conditioning_combine(
    *,
    positive_A: CONDITIONING,
    negative_A: CONDITIONING,
    positive_B: CONDITIONING,
    negative_B: CONDITIONING,
) -> tuple[CONDITIONING, CONDITIONING]:
    """Lets two pairs of prompts act at once."""
    return combine(positive_A, positive_B), combine(negative_A, negative_B)


def _set(
    cond: Conditioning,
    strength: float,
    area: str,
    mask: Tensor | None,
    hooks: LoraHooks | None,
    timesteps: Timesteps | None,
) -> Entries:
    """`strength` is that of the mask, or of the whole prompt without one."""
    if mask is None:
        found = with_values(cond, strength=strength)
    else:
        found = with_mask(cond, mask, strength, bounds=area != "default")
    if timesteps is not None:
        found = with_values(found, start_percent=timesteps[0], end_percent=timesteps[1])
    return _hooked(found, hooks)


def _with_default(cond: Conditioning, default: Conditioning, hooks: LoraHooks | None) -> Entries:
    return combine(cond, _hooked(with_values(default, default=True), hooks))


def _hooked(cond: Conditioning, hooks: LoraHooks | None) -> Entries:
    """Every entry with `hooks` beside those that it has."""
    if not hooks:
        return with_values(cond)
    return [
        [tensor, {**options, "hooks": combined(options.get("hooks"), hooks)}]
        for tensor, options in cond
    ]

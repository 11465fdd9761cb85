"""Nodes for LoRAs that act through a prompt, with strengths that follow keyframes."""

from typing import Annotated

from engine.graph.native import Choice, File, Range, node
from engine.graph.run import Run
from engine.lora.file import read_lora
from engine.sampling.lora_hooks import (
    ClipHooks,
    Keyframe,
    LoraHook,
    LoraHooks,
    combined,
    in_order,
    interpolated,
    spread,
    with_keyframes,
)
from engine.weights.handles import WeightsFile
from nodes.lora import show_hook_matches
from nodes.types import CLIP, FLOATS, HOOK_KEYFRAMES, HOOKS, TIMESTEPS_RANGE, Percent

_CREATE = "advanced/hooks/create"
_SCHEDULING = "advanced/hooks/scheduling"
_COMBINE = "advanced/hooks/combine"
_KEYFRAMES = ("HOOK_KF",)

Keyframes = tuple[Keyframe, ...]
LoraFileName = Annotated[str, File("loras")]
HookStrength = Annotated[float, Range(-20.0, 20.0, 0.01)]
KeyStrength = Annotated[float, Range(0.0, 10.0, 0.001)]


@node("CreateHookLora", "Create Hook LoRA", category=_CREATE, light=True, experimental=True)
def create_hook_lora(
    *,
    run: Run,
    lora_name: LoraFileName,
    strength_model: HookStrength = 1.0,
    strength_clip: HookStrength = 1.0,
    prev_hooks: HOOKS | None = None,
) -> HOOKS:
    """A LoRA that acts only while the prompts are evaluated that it is put on."""
    if strength_model == 0 and strength_clip == 0:
        return prev_hooks or ()
    file = WeightsFile.of(run.folders.find("loras", lora_name))
    read_lora(file)
    return combined(prev_hooks, (LoraHook(file, strength_model, strength_clip),))


@node(
    "CreateHookLoraModelOnly",
    "Create Hook LoRA (MO)",
    category=_CREATE,
    light=True,
    experimental=True,
)
def create_hook_lora_model_only(
    *,
    run: Run,
    lora_name: LoraFileName,
    strength_model: HookStrength = 1.0,
    prev_hooks: HOOKS | None = None,
) -> HOOKS:
    """A LoRA on the model that acts only while the prompts are evaluated that it is put on."""
    return create_hook_lora(
        run=run,
        lora_name=lora_name,
        strength_model=strength_model,
        strength_clip=0.0,
        prev_hooks=prev_hooks,
    )


@node("SetHookKeyframes", "Set Hook Keyframes", category=_SCHEDULING, light=True, experimental=True)
def set_hook_keyframes(*, hooks: HOOKS, hook_kf: HOOK_KEYFRAMES | None = None) -> HOOKS:
    """Lets the strengths of hooks follow keyframes."""
    return hooks if hook_kf is None else with_keyframes(hooks, hook_kf)


@node(
    "CreateHookKeyframe",
    "Create Hook Keyframe",
    category=_SCHEDULING,
    output_names=_KEYFRAMES,
    light=True,
    experimental=True,
)
def create_hook_keyframe(
    *,
    strength_mult: HookStrength = 1.0,
    start_percent: Percent = 0.0,
    prev_hook_kf: HOOK_KEYFRAMES | None = None,
) -> HOOK_KEYFRAMES:
    """From a share of the run on, a hook's strength is multiplied by a number."""
    return in_order((*(prev_hook_kf or ()), Keyframe(strength_mult, start_percent)))


@node(
    "CreateHookKeyframesInterpolated",
    "Create Hook Keyframes Interp.",
    category=_SCHEDULING,
    output_names=_KEYFRAMES,
    light=True,
    experimental=True,
)
def create_hook_keyframes_interpolated(
    *,
    run: Run,
    strength_start: KeyStrength = 1.0,
    strength_end: KeyStrength = 1.0,
    interpolation: Annotated[str, Choice(("linear", "ease_in", "ease_out", "ease_in_out"))],
    start_percent: Percent = 0.0,
    end_percent: Percent = 1.0,
    keyframes_count: Annotated[int, Range(2, 100, 1)] = 5,
    print_keyframes: bool = False,
    prev_hook_kf: HOOK_KEYFRAMES | None = None,
) -> HOOK_KEYFRAMES:
    """Keyframes that lead from one strength to another during a part of the run."""
    more = interpolated(
        strength_start, strength_end, interpolation, start_percent, end_percent, keyframes_count
    )
    return _added(run, prev_hook_kf, more, show=print_keyframes)


@node(
    "CreateHookKeyframesFromFloats",
    "Create Hook Keyframes From Floats",
    category=_SCHEDULING,
    output_names=_KEYFRAMES,
    light=True,
    experimental=True,
)
def create_hook_keyframes_from_floats(
    *,
    run: Run,
    floats_strength: FLOATS = -1,
    start_percent: Percent = 0.0,
    end_percent: Percent = 1.0,
    print_keyframes: bool = False,
    prev_hook_kf: HOOK_KEYFRAMES | None = None,
) -> HOOK_KEYFRAMES:
    """A keyframe for each of a list of strengths, evenly over a part of the run."""
    numbers = [floats_strength] if isinstance(floats_strength, int | float) else floats_strength
    more = spread([float(one) for one in numbers], start_percent, end_percent)
    return _added(run, prev_hook_kf, more, show=print_keyframes)


def _added(run: Run, before: Keyframes | None, more: Keyframes, *, show: bool) -> Keyframes:
    if show:
        run.show("text", [f"{one.start_percent:.3f}: {one.strength:.3f}" for one in more])
    return in_order((*(before or ()), *more))


@node("CombineHooks2", "Combine Hooks [2]", category=_COMBINE, light=True, experimental=True)
def combine_hooks_2(*, hooks_A: HOOKS | None = None, hooks_B: HOOKS | None = None) -> HOOKS:
    """Puts two groups of hooks together."""
    return combined(hooks_A, hooks_B)


@node("CombineHooks4", "Combine Hooks [4]", category=_COMBINE, light=True, experimental=True)
def combine_hooks_4(
    *,
    hooks_A: HOOKS | None = None,
    hooks_B: HOOKS | None = None,
    hooks_C: HOOKS | None = None,
    hooks_D: HOOKS | None = None,
) -> HOOKS:
    """Puts up to four groups of hooks together."""
    return combined(hooks_A, hooks_B, hooks_C, hooks_D)


@node("CombineHooks8", "Combine Hooks [8]", category=_COMBINE, light=True, experimental=True)
def combine_hooks_8(
    *,
    hooks_A: HOOKS | None = None,
    hooks_B: HOOKS | None = None,
    hooks_C: HOOKS | None = None,
    hooks_D: HOOKS | None = None,
    hooks_E: HOOKS | None = None,
    hooks_F: HOOKS | None = None,
    hooks_G: HOOKS | None = None,
    hooks_H: HOOKS | None = None,
) -> HOOKS:
    """Puts up to eight groups of hooks together."""
    groups: tuple[LoraHooks | None, ...] = (hooks_A, hooks_B, hooks_C, hooks_D)
    return combined(*groups, hooks_E, hooks_F, hooks_G, hooks_H)


@node(
    "SetClipHooks",
    "Set CLIP Hooks",
    category="advanced/hooks/clip",
    light=True,
    experimental=True,
)
def set_clip_hooks(
    *,
    run: Run,
    clip: CLIP,
    apply_to_conds: bool = True,
    schedule_clip: bool = False,
    hooks: HOOKS | None = None,
) -> CLIP:
    """Puts hooks on a text encoder; what it encodes carries them to the model if so chosen."""
    if not hooks:
        return clip
    for hook in hooks:
        if hook.strength_clip != 0:
            show_hook_matches(run, hook.file, on=clip)
    return clip.with_option(ClipHooks(hooks, apply_to_conds, schedule_clip))


@node(
    "ConditioningTimestepsRange",
    "Timesteps Range",
    category="advanced/hooks",
    output_names=("TIMESTEPS_RANGE", "BEFORE_RANGE", "AFTER_RANGE"),
    light=True,
    experimental=True,
)
def conditioning_timesteps_range(
    *, start_percent: Percent = 0.0, end_percent: Percent = 1.0
) -> tuple[TIMESTEPS_RANGE, TIMESTEPS_RANGE, TIMESTEPS_RANGE]:
    """A part of the run, what is before it and what is after it."""
    return (start_percent, end_percent), (0.0, start_percent), (end_percent, 1.0)

"""Nodes that put control nets on prompts."""

from engine.graph.native import node
from engine.sampling.control import ControlLink
from engine.sampling.mixing import Conditioning, Entries
from nodes.conditioning import Strength
from nodes.types import CONDITIONING, CONTROL_NET, IMAGE, VAE, Percent

_CATEGORY = "conditioning/controlnet"


@node("ControlNetApply", "Apply ControlNet (OLD)", category=_CATEGORY, deprecated=True)
def control_net_apply(
    *,
    conditioning: CONDITIONING,
    control_net: CONTROL_NET,
    image: IMAGE,
    strength: Strength = 1.0,
) -> CONDITIONING:
    """Lets a picture steer a prompt, and the negative prompt with it."""
    if strength == 0:
        return conditioning
    return _controlled(conditioning, ControlLink.of(control_net, image, strength), to_uncond=True)


@node(
    "ControlNetApplyAdvanced",
    "Apply ControlNet",
    category=_CATEGORY,
    output_names=("positive", "negative"),
)
def control_net_apply_advanced(
    *,
    positive: CONDITIONING,
    negative: CONDITIONING,
    control_net: CONTROL_NET,
    image: IMAGE,
    strength: Strength = 1.0,
    start_percent: Percent = 0.0,
    end_percent: Percent = 1.0,
    vae: VAE | None = None,  # noqa: ARG001 - for control nets that look at latents
) -> tuple[CONDITIONING, CONDITIONING]:
    """Lets a picture steer both prompts, from a share of the run (0 is its start) to another."""
    if strength == 0:
        return positive, negative
    link = ControlLink.of(control_net, image, strength, start_percent, end_percent)
    return (
        _controlled(positive, link, to_uncond=False),
        _controlled(negative, link, to_uncond=False),
    )


def _controlled(conditioning: Conditioning, link: ControlLink, *, to_uncond: bool) -> Entries:
    """Every entry with `link` after the control net it has already."""
    return [
        [
            tensor,
            {
                **options,
                "control": link.after(options.get("control")),
                "control_apply_to_uncond": to_uncond,
            },
        ]
        for tensor, options in conditioning
    ]

"""What a UNet is, read off the names and shapes in a header: its numbers and its family.

What shapes cannot show (the number of heads, of groups) is in ``configs.py``; what the network was
trained to predict, in ``checkpoint.py``. No bytes, no torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.weights.configs import LATENT_CHANNELS, NORM_GROUPS, UnetConfig
from engine.weights.detect import FamilyError, Found, Shapes, fits_groups, size
from engine.weights.layouts import Layout
from engine.weights.trained import Family

# Channels of a head everywhere but in SD1, where their number is fixed instead.
HEAD_WIDTH = 64

# What inputs of so many channels are called in sentences, where we cannot use them.
_OTHER_INPUTS = {5: "a depth model", 7: "an upscaling model"}
_USABLE_INPUTS = (LATENT_CHANNELS, 8, 9)


@dataclass(frozen=True, slots=True)
class _Names:
    """How a layout calls the places that are looked at."""

    layout: Layout
    first: str
    last: str
    middle: str
    vector: str
    up: str
    roots: tuple[str, ...]


_LDM = _Names(
    layout="ldm",
    first="input_blocks.0.0.weight",
    last="out.2.weight",
    middle="middle_block.1",
    vector="label_emb.0.0.weight",
    up="output_blocks.",
    roots=(
        "input_blocks.",
        "middle_block.",
        "output_blocks.",
        "time_embed.",
        "label_emb.",
        "out.",
    ),
)
_DIFFUSERS = _Names(
    layout="diffusers",
    first="conv_in.weight",
    last="conv_out.weight",
    middle="mid_block.attentions.0",
    vector="add_embedding.linear_1.weight",
    up="up_blocks.",
    roots=(
        "conv_in.",
        "down_blocks.",
        "mid_block.",
        "up_blocks.",
        "conv_norm_out.",
        "conv_out.",
        "time_embedding.",
        "add_embedding.",
        "class_embedding.",
    ),
)
ROOTS: Mapping[Layout, tuple[str, ...]] = {one.layout: one.roots for one in (_LDM, _DIFFUSERS)}

# Residual blocks of a level, each as (width, transformer layers).
_Level = list[tuple[int, int]]


def unet_config(shapes: Shapes) -> tuple[Found[UnetConfig], Family] | None:
    """The UNet whose names, without prefix, are in ``shapes``; None when there is no UNet.

    Raises:
        FamilyError: there is a UNet and it is none of the Stable Diffusion family.
    """
    for words in (_LDM, _DIFFUSERS):
        if words.first in shapes and any(name.startswith(words.up) for name in shapes):
            levels = _ldm_levels(shapes) if words is _LDM else _diffusers_levels(shapes)
            config = _config(shapes, words, levels)
            return Found(config, words.layout), _family(config)
    return None


def _config(shapes: Shapes, words: _Names, levels: list[_Level]) -> UnetConfig:
    projection = shapes.get(f"{words.middle}.proj_in.weight", ())
    context = shapes.get(f"{words.middle}.transformer_blocks.0.attn2.to_k.weight", ())
    if len(projection) not in {2, 4} or len(context) != 2:
        raise FamilyError("the middle of its UNet is not that of Stable Diffusion")
    channels = _inputs(shapes, words)
    if not levels or any(len(level) != len(levels[0]) or len(set(level)) != 1 for level in levels):
        raise FamilyError("the levels of its UNet are not built alike")
    widths = tuple(level[0][0] for level in levels)
    depths = tuple(level[0][1] for level in levels)
    if not fits_groups(widths):
        raise FamilyError(f"the widths {widths} of its UNet are not multiples of {NORM_GROUPS}")
    middle = _depth(shapes, words.middle)
    if depths[-1] not in {0, middle}:
        raise FamilyError("the middle of its UNet is deeper or shallower than its last level")
    linear = len(projection) == 2
    return UnetConfig(
        widths=widths,
        depths=depths,
        resnets=len(levels[0]),
        middle=middle,
        context_width=context[1],
        channels=channels,
        head_width=HEAD_WIDTH if linear else 0,
        linear=linear,
        vector=size(shapes, words.vector, 1),
    )


def _inputs(shapes: Shapes, words: _Names) -> int:
    """How many channels the network reads, when it can be used."""
    channels, predicted = size(shapes, words.first, 1), size(shapes, words.last)
    if channels not in _USABLE_INPUTS or predicted not in {0, LATENT_CHANNELS}:
        kind = f"a model with {channels} input and {predicted} output channels"
        raise FamilyError(f"it is {_OTHER_INPUTS.get(channels, kind)}, which is not supported")
    return channels


def _family(config: UnetConfig) -> Family:
    """The family, by what only it has.

    SDXL has a vector beside the text and attention at its coarsest level, its refiner the vector
    and no attention there; SD2 enters its attention by linear layers, SD1 by convolutions.
    """
    deep = max(*config.depths, config.middle) > 1
    if config.vector and deep:
        return "sdxl" if config.depths[-1] else "sdxl_refiner"
    if config.vector:
        raise FamilyError("it is an unCLIP model, which is not supported")
    if deep:
        raise FamilyError("it has more than one transformer layer per attention and is not an SDXL")
    return "sd2" if config.linear else "sd1"


def _ldm_levels(shapes: Shapes) -> list[_Level]:
    """For each level its residual blocks on the way down."""
    levels: list[_Level] = [[]]
    index = 1
    while True:
        block = f"input_blocks.{index}"
        if f"{block}.0.op.weight" in shapes:
            levels.append([])
        elif f"{block}.0.in_layers.2.weight" in shapes:
            width = size(shapes, f"{block}.0.in_layers.2.weight")
            levels[-1].append((width, _depth(shapes, f"{block}.1")))
        else:
            break
        index += 1
    return _with_blocks(levels)


def _diffusers_levels(shapes: Shapes) -> list[_Level]:
    """``_ldm_levels`` of the other layout."""
    levels: list[_Level] = []
    while f"down_blocks.{len(levels)}.resnets.0.conv1.weight" in shapes:
        block = f"down_blocks.{len(levels)}"
        level: _Level = []
        while (name := f"{block}.resnets.{len(level)}.conv1.weight") in shapes:
            level.append((size(shapes, name), _depth(shapes, f"{block}.attentions.{len(level)}")))
        levels.append(level)
    return _with_blocks(levels)


def _with_blocks(levels: list[_Level]) -> list[_Level]:
    if not all(levels):
        raise FamilyError("its UNet has a level without residual blocks")
    return levels


def _depth(shapes: Shapes, attention: str) -> int:
    """How many transformer layers the attention called so has; 0 when there is none."""
    layers = 0
    while f"{attention}.transformer_blocks.{layers}.norm1.weight" in shapes:
        layers += 1
    return layers

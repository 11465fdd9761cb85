"""What a checkpoint is, read off the names and shapes in its header. No tensor bytes, no torch.

SD1 facts that shapes cannot show (heads, groups, one transformer block) are in ``configs.py``.
A file of another family gets a sentence that says what it seems to be.
"""

import re
from collections.abc import Mapping, Sequence

from engine.weights.configs import (
    LATENT_CHANNELS,
    NORM_GROUPS,
    TextConfig,
    UnetConfig,
    VaeConfig,
)

Shapes = Mapping[str, tuple[int, ...]]


class FamilyError(ValueError):
    """The names are there but their shapes are not those of an SD1 network; the text says why."""


# The first pattern found in any tensor name says what the file seems to be.
_FAMILIES: tuple[tuple[str, str], ...] = (
    (r"\.(lora_(up|down|mid|A|B)|hada_w|lokr_w|oft_blocks|dora_scale)|_lora\.", "a LoRA"),
    (r"^(emb_params|string_to_param|clip_[lg]$)", "a textual inversion embedding"),
    (r"(^|\.)double_blocks\.\d", "a Flux model"),
    (r"(^|\.)joint_blocks\.\d", "a Stable Diffusion 3 model"),
    (r"^conditioner\.embedders\.", "an SDXL checkpoint"),
    (r"^cond_stage_model\.model\.", "a Stable Diffusion 2 checkpoint"),
    (r"^(control_model|controlnet_|input_hint_block|lllite_)", "a ControlNet"),
    (r"^ip_adapter\.|_ip\.weight$", "an IP-Adapter"),
    (r"^(down_blocks|mid_block|up_blocks)\.\d", "a UNet in the diffusers layout"),
    (r"^(encoder|decoder)\.(down|up)_blocks\.", "a VAE in the diffusers layout"),
    (r"^(text_model\.)?encoder\.layers\.\d", "a text encoder on its own"),
    (r"^encoder\.block\.\d", "a T5 text encoder on its own"),
    (r"^model\.diffusion_model\.label_emb\.", "an SDXL checkpoint"),
    (r"^model\.diffusion_model\.", "a diffusion model of another family"),
)


def seems_to_be(shapes: Shapes) -> str:
    """What the file seems to be, as words for a sentence; "an unknown kind of file" at worst."""
    for pattern, words in _FAMILIES:
        test = re.compile(pattern)
        if any(test.search(name) for name in shapes):
            return words
    return "an unknown kind of file"


def unet_config(shapes: Shapes) -> UnetConfig | None:
    """The UNet whose names, without prefix, are in ``shapes``; None when there is no UNet.

    Raises:
        FamilyError: there is a UNet and it is not one of SD1.
    """
    first = shapes.get("input_blocks.0.0.weight")
    if first is None:
        return None
    _check_sd1_unet(shapes, first)
    levels = _unet_levels(shapes)
    widths = tuple(level[0][0] for level in levels)
    if not _fits_groups(widths):
        raise FamilyError(f"its widths {widths} are not multiples of {NORM_GROUPS}")
    if any(len(level) != len(levels[0]) or len(set(level)) != 1 for level in levels):
        raise FamilyError("its levels are not built alike")
    return UnetConfig(
        widths=widths,
        attention=tuple(level[0][1] for level in levels),
        resnets=len(levels[0]),
        context_width=shapes["middle_block.1.transformer_blocks.0.attn2.to_k.weight"][1],
    )


def _check_sd1_unet(shapes: Shapes, first: tuple[int, ...]) -> None:
    projection = shapes.get("middle_block.1.proj_in.weight", ())
    context = shapes.get("middle_block.1.transformer_blocks.0.attn2.to_k.weight", ())
    if "label_emb.0.0.weight" in shapes:
        raise FamilyError("it seems to be an SDXL checkpoint")
    if len(projection) == 2:
        raise FamilyError("it seems to be a Stable Diffusion 2 checkpoint")
    if len(first) != 4 or len(projection) != 4 or len(context) != 2:
        raise FamilyError("its middle block is not one of Stable Diffusion 1")
    if "middle_block.1.transformer_blocks.1.norm1.weight" in shapes:
        raise FamilyError("it has more than one transformer block per attention")
    if first[1] != LATENT_CHANNELS:
        kinds = {9: "an inpainting model", 8: "an instruction (pix2pix) model"}
        kind = kinds.get(first[1], f"a model with {first[1]} input channels")
        raise FamilyError(f"it is {kind}, which is not supported")


def _unet_levels(shapes: Shapes) -> list[list[tuple[int, bool]]]:
    """For each level its residual blocks on the way down, as (width, followed by attention)."""
    levels: list[list[tuple[int, bool]]] = [[]]
    index = 1
    while True:
        block = f"input_blocks.{index}"
        if f"{block}.0.op.weight" in shapes:
            levels.append([])
        elif f"{block}.0.in_layers.2.weight" in shapes:
            width = _size(shapes, f"{block}.0.in_layers.2.weight")
            levels[-1].append((width, f"{block}.1.proj_in.weight" in shapes))
        else:
            break
        index += 1
    if not all(levels):
        raise FamilyError("it has a level without residual blocks")
    return levels


def vae_config(shapes: Shapes) -> VaeConfig | None:
    """The autoencoder whose names, without prefix, are in ``shapes``; None when there is none.

    Raises:
        FamilyError: there is one and it is not the KL autoencoder of SD1.
    """
    if not {"decoder.conv_in.weight", "decoder.mid.block_1.conv1.weight"} <= shapes.keys():
        return None
    widths: list[int] = []
    resnets = 0
    while (name := f"encoder.down.{len(widths)}.block.0.conv1.weight") in shapes:
        widths.append(_size(shapes, name))
    while f"encoder.down.0.block.{resnets}.conv1.weight" in shapes:
        resnets += 1
    if not widths or not _fits_groups(widths):
        raise FamilyError("its VAE is not the one of Stable Diffusion 1")
    channels = _size(shapes, "decoder.conv_in.weight", 1)
    if channels != LATENT_CHANNELS:
        raise FamilyError(f"its VAE has {channels} latent channels and not {LATENT_CHANNELS}")
    return VaeConfig(tuple(widths), resnets)


def text_config(shapes: Shapes) -> TextConfig | None:
    """The CLIP text network whose names, from ``text_model.`` on, are in ``shapes``, or None.

    Raises:
        FamilyError: there is one whose width is no multiple of a head.
    """
    table = shapes.get("text_model.embeddings.token_embedding.weight", ())
    positions = shapes.get("text_model.embeddings.position_embedding.weight", ())
    if len(table) != 2 or len(positions) != 2:
        return None
    layers = 0
    while f"text_model.encoder.layers.{layers}.mlp.fc1.weight" in shapes:
        layers += 1
    if not layers:
        return None
    hidden = _size(shapes, "text_model.encoder.layers.0.mlp.fc1.weight")
    config = TextConfig(table[1], layers, hidden, table[0], positions[0])
    if config.width == 0 or config.width % config.head_width:
        raise FamilyError(f"its text encoder of width {config.width} is not a CLIP-L")
    return config


def _size(shapes: Shapes, name: str, axis: int = 0) -> int:
    """One side of a tensor; 0 when the tensor is missing or has too few sides."""
    shape = shapes.get(name, ())
    return shape[axis] if axis < len(shape) else 0


def _fits_groups(widths: Sequence[int]) -> bool:
    return all(width > 0 and width % NORM_GROUPS == 0 for width in widths)

"""What a text encoder or a VAE is, read off the names and shapes in a header. No bytes, no torch.

UNets are in ``detect_unet.py``, and which parts a file has in ``checkpoint.py``. A file of another
family gets a sentence that says what it seems to be.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from engine.weights.configs import (
    LATENT_CHANNELS,
    NORM_GROUPS,
    Config,
    TextConfig,
    TextKind,
    VaeConfig,
)
from engine.weights.layouts import Layout

Shapes = Mapping[str, tuple[int, ...]]
C_co = TypeVar("C_co", bound=Config, covariant=True)


class FamilyError(ValueError):
    """The names are there but the shapes are not those of a network that can be used."""


@dataclass(frozen=True, slots=True)
class Found(Generic[C_co]):
    """A network that the names tell of, and how they are written."""

    config: C_co
    layout: Layout


# The first pattern found in any tensor name says what the file seems to be.
_FAMILIES: tuple[tuple[str, str], ...] = (
    (r"\.(lora_(up|down|mid|A|B)|hada_w|lokr_w|oft_blocks|dora_scale)|_lora\.", "a LoRA"),
    (r"^(emb_params|string_to_param|clip_[lg]$)", "a textual inversion embedding"),
    (r"(^|\.)double_blocks\.\d", "a Flux model"),
    (r"(^|\.)joint_blocks\.\d", "a Stable Diffusion 3 model"),
    (r"^(control_model|controlnet_|input_hint_block|lllite_)", "a ControlNet"),
    (r"^ip_adapter\.|_ip\.weight$", "an IP-Adapter"),
    (r"^encoder\.block\.\d", "a T5 text encoder on its own"),
    (r"^(vision_model|visual)\.", "a CLIP vision model"),
    (r"^model\.diffusion_model\.", "a diffusion model of another family"),
)


def seems_to_be(shapes: Shapes) -> str:
    """What the file seems to be, as words for a sentence; "an unknown kind of file" at worst."""
    for pattern, words in _FAMILIES:
        test = re.compile(pattern)
        if any(test.search(name) for name in shapes):
            return words
    return "an unknown kind of file"


def vae_config(shapes: Shapes) -> Found[VaeConfig] | None:
    """The autoencoder whose names, without prefix, are in ``shapes``; None when there is none.

    Raises:
        FamilyError: there is one and it is not the KL autoencoder of Stable Diffusion.
    """
    if "decoder.conv_in.weight" not in shapes:
        return None
    if "decoder.mid.block_1.conv1.weight" in shapes:
        layout: Layout = "ldm"
        level = "encoder.down.{}.block.{}.conv1.weight"
    elif "decoder.mid_block.resnets.0.conv1.weight" in shapes:
        old = "decoder.mid_block.attentions.0.query.weight" in shapes
        layout = "diffusers_old" if old else "diffusers"
        level = "encoder.down_blocks.{}.resnets.{}.conv1.weight"
    else:
        return None
    channels = size(shapes, "decoder.conv_in.weight", 1)
    if channels != LATENT_CHANNELS:
        raise FamilyError(
            f"its VAE has {channels} latent channels where Stable Diffusion has {LATENT_CHANNELS}"
        )
    widths: list[int] = []
    resnets = 0
    while (name := level.format(len(widths), 0)) in shapes:
        widths.append(size(shapes, name))
    while level.format(0, resnets) in shapes:
        resnets += 1
    if not widths or not fits_groups(widths):
        raise FamilyError("its VAE is not the one of Stable Diffusion")
    return Found(VaeConfig(tuple(widths), resnets), layout)


def text_config(shapes: Shapes, kind: TextKind | None = None) -> Found[TextConfig] | None:
    """The text network with transformers' names, from ``text_model.`` on, or None.

    ``kind`` is what the place in a checkpoint says; without it the number of layers decides.

    Raises:
        FamilyError: there is one whose width is no multiple of a head.
    """
    layer = "text_model.encoder.layers.{}.mlp.fc1.weight"
    table = shapes.get("text_model.embeddings.token_embedding.weight", ())
    positions = shapes.get("text_model.embeddings.position_embedding.weight", ())
    projection = size(shapes, "text_projection.weight")
    config = _text(shapes, table, positions, layer, kind, projection)
    return None if config is None else Found(config, "diffusers")


def openclip_config(shapes: Shapes, kind: TextKind | None = None) -> Found[TextConfig] | None:
    """The text network with OpenCLIP's names, or None. Raises as ``text_config``."""
    layer = "transformer.resblocks.{}.mlp.c_fc.weight"
    table = shapes.get("token_embedding.weight", ())
    positions = shapes.get("positional_embedding", ())
    linear = size(shapes, "text_projection.weight")
    projection = linear or size(shapes, "text_projection", 1)
    config = _text(shapes, table, positions, layer, kind, projection)
    layout: Layout = "openclip_linear" if linear else "openclip"
    return None if config is None else Found(config, layout)


def _text(
    shapes: Shapes,
    table: tuple[int, ...],
    positions: tuple[int, ...],
    layer: str,
    kind: TextKind | None,
    projection: int,
) -> TextConfig | None:
    if len(table) != 2 or len(positions) != 2:
        return None
    layers = 0
    while layer.format(layers) in shapes:
        layers += 1
    if not layers:
        return None
    kind = kind or _kind(layers)
    config = TextConfig(
        width=table[1],
        layers=layers,
        feed_forward=size(shapes, layer.format(0)),
        vocabulary=table[0],
        positions=positions[0],
        kind=kind,
        activation="quick_gelu" if kind == "l" else "gelu",
        # Nothing asks for CLIP-L's pooled vector after a projection, so it is not read.
        projection=0 if kind == "l" else projection,
        # Stable Diffusion 2 takes the last layer but one, and diffusers leave out the last.
        omitted=1 if kind == "h" and layers == _LAYERS_OF_H - 1 else 0,
    )
    if config.width == 0 or config.width % config.head_width:
        raise FamilyError(f"its text encoder of width {config.width} is not a CLIP")
    if kind == "g" and not projection:
        raise FamilyError("its text encoder CLIP-G lacks the projection of its pooled vector")
    return config


_LAYERS_OF_H = 24


def _kind(layers: int) -> TextKind:
    """By how many layers the three have: 12, 24 (23 in diffusers' files) and 32."""
    if layers > _LAYERS_OF_H:
        return "g"
    return "h" if layers >= _LAYERS_OF_H - 1 else "l"


def size(shapes: Shapes, name: str, axis: int = 0) -> int:
    """One side of a tensor; 0 when the tensor is missing or has too few sides."""
    shape = shapes.get(name, ())
    return shape[axis] if axis < len(shape) else 0


def fits_groups(widths: Sequence[int]) -> bool:
    """Whether group norms can divide all of ``widths``."""
    return all(width > 0 and width % NORM_GROUPS == 0 for width in widths)

"""Which base model a LoRA file seems to be made for, from its names and shapes. For messages only.

The rules and their order are those of section 5.1 of the LoRA specification; the first that
decides wins. Shapes beat metadata, because metadata is copied around and wrong in old files.
"""

import re
from collections.abc import Iterable, Mapping

from engine.lora.algorithms.glora import GLORA
from engine.lora.algorithms.kind import Shape, Shapes
from engine.lora.algorithms.lokr import LOKR
from engine.lora.suffixes import split, without_adapter

# How the families are called in sentences.
WORDS = {
    "sd1": "Stable Diffusion 1",
    "sd2": "Stable Diffusion 2",
    "sdxl": "SDXL",
    "sdxl_refiner": "SDXL refiner",
    "sd3": "Stable Diffusion 3",
    "flux": "Flux",
    "sd1_or_sd2": "Stable Diffusion 1 or 2",
    "sd1_or_sdxl_clip_l": "Stable Diffusion 1 or SDXL (CLIP-L)",
    "unknown": "unknown",
}

_FLUX = re.compile(r"(double_blocks|single_blocks|single_transformer_blocks)[._]\d")
_SD3 = re.compile(
    r"joint_blocks[._]\d|transformer_blocks[._]\d+[._]attn[._](add_q_proj|to_add_out)"
    r"|transformer\.transformer_blocks|lora_te3_"
)
_CROSS = re.compile(r"attn2[._](processor\.)?to_[kv]$")
_DEEP = re.compile(r"(blocks?[._]\d+|middle_block|mid_block).*transformer_blocks[._][1-9]")
_SDXL_TEXT = re.compile(r"lora_te2_|text_encoder_2|clip_g")
_TEXT = re.compile(r"^(lora_te1?_|text_encoder\.|text_encoders\.|clip_[lg]\.)")
_TEXT_LAYER = re.compile(r"layers[._](\d+)[._]")
# Blocks that only the larger UNet of SD1 and SD2 has with attention, or at all.
_NOT_SDXL = re.compile(
    r"down_blocks[._]0[._]attentions|down_blocks[._]3|up_blocks[._]3|up_blocks[._]2[._]attentions"
    r"|input_blocks[._]([12])[._]1|(input|output)_blocks[._](9|1\d)[._]"
)
_PROJECTION = re.compile(r"[._]proj_(in|out)$")
_CONTEXT = {768: "sd1", 1024: "sd2", 2048: "sdxl", 1280: "sdxl_refiner"}

# Metadata to family: the first pair whose key's value starts with the text.
_METADATA = (
    ("modelspec.architecture", "stable-diffusion-v1", "sd1"),
    ("modelspec.architecture", "stable-diffusion-v2", "sd2"),
    ("modelspec.architecture", "stable-diffusion-xl", "sdxl"),
    ("modelspec.architecture", "stable-diffusion-3", "sd3"),
    ("modelspec.architecture", "flux", "flux"),
    ("modelspec.architecture", "Flux", "flux"),
    ("ss_base_model_version", "sdxl", "sdxl"),
    ("ss_base_model_version", "sd_v1", "sd1"),
    ("ss_base_model_version", "sd_v2", "sd2"),
    ("ss_base_model_version", "sd3", "sd3"),
    ("ss_base_model_version", "flux", "flux"),
    ("ss_v2", "True", "sd2"),
)


def guess_family(shapes: Mapping[str, Shape], metadata: Mapping[str, str]) -> str:
    """The family, one of the keys of ``WORDS``, by what the file holds and then what it says."""
    return _by_names(shapes) or _by_shapes(shapes) or declared_family(metadata) or _rest(shapes)


def declared_family(metadata: Mapping[str, str]) -> str | None:
    """The family that the file's own metadata names, or None."""
    for key, start, family in _METADATA:
        if metadata.get(key, "").startswith(start):
            return family
    return None


def _by_names(shapes: Mapping[str, Shape]) -> str | None:
    for pattern, family in ((_FLUX, "flux"), (_SD3, "sd3")):
        if any(pattern.search(name) for name in shapes):
            return family
    return None


def _by_shapes(shapes: Mapping[str, Shape]) -> str | None:
    stems = _stems(shapes)
    for stem, parts in stems.items():
        width = _input_width(parts) if _CROSS.search(stem) else None
        if width in _CONTEXT:
            return _CONTEXT[width]
    text = {stem: parts for stem, parts in stems.items() if _TEXT.search(stem)}
    if any(_DEEP.search(stem) for stem in stems.keys() - text.keys()):
        return "sdxl"
    if any(_SDXL_TEXT.search(stem) for stem in stems):
        return "sdxl"
    if _is_sd2_text(text):
        return "sd2"
    small = [stem for stem in stems if _NOT_SDXL.search(stem)]
    return _sd1_or_sd2(stems, small, text) if small else None


def _is_sd2_text(text: Mapping[str, Shapes]) -> bool:
    layers = [int(found[1]) for stem in text if (found := _TEXT_LAYER.search(stem))]
    return 1024 in _text_widths(text) or max(layers, default=0) > 11


def _text_widths(text: Mapping[str, Shapes]) -> set[int | None]:
    return {_input_width(parts) for stem, parts in text.items() if not stem.endswith("fc2")}


def _sd1_or_sd2(
    stems: Mapping[str, Shapes], small: Iterable[str], text: Mapping[str, Shapes]
) -> str:
    if 768 in _text_widths(text):
        return "sd1"
    ranks = {
        len(stems[stem]["down"])
        for stem in small
        if _PROJECTION.search(stem) and "down" in stems[stem]
    }
    if ranks:
        return "sd1" if 4 in ranks else "sd2"
    return "sd1_or_sd2"


def _rest(shapes: Mapping[str, Shape]) -> str:
    return "sd1_or_sdxl_clip_l" if any(_TEXT.search(name) for name in shapes) else "unknown"


def _stems(shapes: Mapping[str, Shape]) -> dict[str, dict[str, Shape]]:
    """Shapes of the factors of every stem. Two algorithms share no name of what is looked at."""
    stems: dict[str, dict[str, Shape]] = {}
    for name, shape in shapes.items():
        found = split(without_adapter(name)[0], shape)
        if found is not None and found.algorithm != "ia3":
            factor = found.factor if found.algorithm != "loha" else f"hada_{found.factor}"
            stems.setdefault(found.stem, {})[factor] = shape
    return stems


def _input_width(parts: Shapes) -> int | None:
    """How many channels the module reads, as the shapes of one stem tell; None for OFT."""
    for factor in ("down", "hada_w1_b", "diff"):
        if factor in parts:
            return _second(parts[factor])
    for kind in (LOKR, GLORA):
        if kind.complete(parts) and all(parts.values()):
            return _second(kind.made_for(parts))
    return None


def _second(shape: Shape) -> int | None:
    return shape[1] if len(shape) > 1 else None

"""The endings of tensor names in LoRA-family files: which algorithm, and which of its factors.

A name is a *stem*, which says the module, and a suffix. What stems mean is in ``stems.py``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from engine.lora.algorithms.kind import Shape

# Suffix to algorithm (a key of ``KINDS``) and factor. Algorithm "" is for what goes with any.
SUFFIXES: Mapping[str, tuple[str, str]] = {
    # kohya, LyCORIS, OneTrainer
    ".lora_up.weight": ("lora", "up"),
    ".lora_down.weight": ("lora", "down"),
    ".lora_mid.weight": ("lora", "mid"),
    # PEFT, diffusers, ai-toolkit, BFL; Mochi leaves out the last word
    ".lora_B.weight": ("lora", "up"),
    ".lora_A.weight": ("lora", "down"),
    ".lora_B": ("lora", "up"),
    ".lora_A": ("lora", "down"),
    ".lora_B.bias": ("lora_bias", "bias"),
    # diffusers: up to 0.16, 0.17 on, text encoders
    "_lora.up.weight": ("lora", "up"),
    "_lora.down.weight": ("lora", "down"),
    ".lora.up.weight": ("lora", "up"),
    ".lora.down.weight": ("lora", "down"),
    ".lora_linear_layer.up.weight": ("lora", "up"),
    ".lora_linear_layer.down.weight": ("lora", "down"),
    # XLabs
    ".up.weight": ("lora", "up"),
    ".down.weight": ("lora", "down"),
    ".hada_w1_a": ("loha", "w1_a"),
    ".hada_w1_b": ("loha", "w1_b"),
    ".hada_w2_a": ("loha", "w2_a"),
    ".hada_w2_b": ("loha", "w2_b"),
    ".hada_t1": ("loha", "t1"),
    ".hada_t2": ("loha", "t2"),
    ".lokr_w1": ("lokr", "w1"),
    ".lokr_w1_a": ("lokr", "w1_a"),
    ".lokr_w1_b": ("lokr", "w1_b"),
    ".lokr_w2": ("lokr", "w2"),
    ".lokr_w2_a": ("lokr", "w2_a"),
    ".lokr_w2_b": ("lokr", "w2_b"),
    ".lokr_t1": ("lokr", "t1"),
    ".lokr_t2": ("lokr", "t2"),
    ".a1.weight": ("glora", "a1"),
    ".a2.weight": ("glora", "a2"),
    ".b1.weight": ("glora", "b1"),
    ".b2.weight": ("glora", "b2"),
    ".bm.weight": ("glora", "bm"),
    ".oft_blocks": ("oft", "oft_blocks"),
    ".oft_diag": ("oft", "oft_diag"),
    ".rescale": ("oft", "rescale"),
    ".oft_R.weight": ("oft_v2", "packed"),
    ".oft_R.scaled_oft": ("oft_v2", "scaled"),
    ".on_input": ("ia3", "on_input"),
    ".weight": ("ia3", "l"),
    ".ia3_l": ("ia3_peft", "ia3_l"),
    ".diff": ("full", "diff"),
    ".diff_b": ("full_bias", "diff"),
    ".set_weight": ("set", "value"),
    ".w_norm": ("norm", "diff"),
    ".b_norm": ("norm_bias", "diff"),
    ".bias_indices": ("sparse_bias", "indices"),
    ".bias_values": ("sparse_bias", "values"),
    ".bias_size": ("sparse_bias", "size"),
    ".alpha": ("", "alpha"),
    ".scale": ("", "scale"),
    ".dora_scale": ("", "dora_scale"),
    ".lora_magnitude_vector": ("", "magnitude"),
    ".lora_magnitude_vector.weight": ("", "magnitude"),
    ".reshape_weight": ("", "reshape"),
}

# Suffixes that change a bias, with the algorithm in whose file it is.
BIASES: Mapping[str, str] = {"full_bias": "full", "norm_bias": "norm", "lora_bias": "lora_bias"}

_ADAPTER = re.compile(
    r"(\.(?:lora_[AB]|lora_magnitude_vector|oft_R|ia3_l))\.(?!(?:weight|bias|scaled_oft)$)([^.]+)"
    r"(?=$|\.(?:weight|bias|scaled_oft)$)"
)


@dataclass(frozen=True, slots=True)
class Named:
    """A tensor's name, taken apart: ``stem``, then ``algorithm`` and ``factor`` of its suffix."""

    stem: str
    algorithm: str
    factor: str


def split(name: str, shape: Shape) -> Named | None:
    """``name`` by its longest suffix that is known; None when there is none."""
    # A dot that comes earlier gives a longer suffix.
    for at in (at for at, letter in enumerate(name) if letter == "."):
        found = SUFFIXES.get(name[at:])
        if found is not None:
            longer = name[:at].endswith("_lora") and name[at:] in {".up.weight", ".down.weight"}
            stem = name[: at - len("_lora")] if longer else name[:at]
            algorithm, factor = _by_shape(*found, shape)
            return Named(stem, algorithm, factor)
    return None


def _by_shape(algorithm: str, factor: str, shape: Shape) -> tuple[str, str]:
    """Names that two algorithms share."""
    if factor == "oft_blocks" and len(shape) == 4:
        return "boft", factor
    if factor == "scale" and len(shape) == 1 and shape[0] > 1:
        # In control LoRAs of Flux the scale of a norm is a parameter, which they replace.
        return "set", "value"
    return algorithm, factor


def plain(name: str) -> str:
    """``name`` as trainers meant it: without the ways in which some files write it differently."""
    if name.startswith("lora_unet__"):
        return "lora_unet_" + name.removeprefix("lora_unet__")
    if name.startswith("diffusion_model_"):
        return "lora_unet_" + name.removeprefix("diffusion_model_")
    return name


def without_adapter(name: str) -> tuple[str, str]:
    """``name`` without the adapter's name that PEFT puts in, and that name or ""."""
    found = _ADAPTER.search(name)
    if found is None:
        return name, ""
    return name[: found.start()] + found[1] + name[found.end() :], found[2]

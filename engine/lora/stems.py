"""What the stems of LoRA files mean: every way in which trainers write the modules of a network.

kohya's names write every dot as an underscore, which cannot be undone by looking at a name, so
stems are always looked up in a table and never taken apart. The table is made from the names of the
network at hand; the ways of writing are data, below. Orders matter: of two stems for one module the
one that comes first is applied.

Source: sections 2.2 to 2.9 of the LoRA specification.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from torch import Tensor

from engine.lora.orders import text_order, unet_orders
from engine.lora.unnamed import PREFIX
from engine.weights.configs import Config, TextConfig, TextKind, UnetConfig
from engine.weights.ldm import Pair, names

Component = Literal["unet", "text_encoder", "text_encoder_2"]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows ``start`` to ``stop`` of the ``total`` rows of what a file changes as one weight.

    ``swapped`` says that their two halves change places.
    """

    start: int
    stop: int
    total: int
    swapped: bool = False

    def cut(self, change: Tensor) -> Tensor:
        """These rows of a change [total, ...]."""
        found = change[self.start : self.stop]
        return found.roll(len(found) // 2, dims=0) if self.swapped else found


@dataclass(frozen=True, slots=True)
class Stem:
    """One way to write one module.

    Attributes:
        text: the stem.
        dialect: whose way it is.
        module: the live name of the module.
        rows: which rows of the change are this module's, where the stem means several at once.
    """

    text: str
    dialect: str
    module: str
    rows: Rows | None = None


# Dialect, what stands in front, and which name follows: of diffusers or of the original layout,
# with dots or with underscores.
_Way = tuple[str, str, Literal["live", "file", "live_", "file_"]]
_UNET: tuple[_Way, ...] = (
    ("kohya", "lora_unet_", "live_"),
    ("kohya, LDM names", "lora_unet_", "file_"),
    ("LyCORIS", "lycoris_", "live_"),
    ("ComfyUI", "diffusion_model.", "file"),
    ("diffusers", "unet.", "live"),
    ("diffusers", "", "live"),
    ("PEFT", "unet.base_model.model.", "live"),
    ("PEFT", "base_model.model.", "live"),
    ("OMI", "unet.", "file"),
    ("kohya OFT", "oft_unet_", "live_"),
    ("kohya OFT", "oft_unet_", "file_"),
)
_ALIASED = frozenset({"kohya", "LyCORIS", "diffusers"})
_ALIAS = ("add_embedding", "class_embedding")

# The prefixes of a text network: kohya's, then those that are followed by dots.
_KOHYA_TEXT: Mapping[TextKind, tuple[str, ...]] = {
    "l": ("lora_te_", "lora_te1_"),
    "h": ("lora_te_", "lora_te1_"),
    "g": ("lora_te2_",),
}
_DOTTED_TEXT: Mapping[TextKind, tuple[tuple[str, str], ...]] = {
    "l": (
        ("ComfyUI", "text_encoders.clip_l.transformer."),
        ("diffusers", "text_encoder."),
        ("PEFT", "text_encoder.base_model.model."),
        ("OMI", "clip_l."),
    ),
    "h": (
        ("ComfyUI", "text_encoders.clip_h.transformer."),
        ("diffusers", "text_encoder."),
        ("PEFT", "text_encoder.base_model.model."),
        ("OMI", "clip_l."),
    ),
    "g": (
        ("ComfyUI", "text_encoders.clip_g.transformer."),
        ("diffusers", "text_encoder_2."),
        ("PEFT", "text_encoder_2.base_model.model."),
        ("OMI", "clip_g."),
    ),
}
_ROOT = "text_model."
_PROJECTION = "text_projection"
# The last layer of CLIP-H, which no model of the family listens to and files may have or not.
_CLIP_H_LAYERS = 24

_RESBLOCKS = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "self_attn.out_proj": "attn.out_proj",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}
_OPENCLIP: Mapping[TextKind, tuple[str, ...]] = {
    "l": (),
    "h": ("", "cond_stage_model.model."),
    "g": ("", "conditioner.embedders.1.model.", "conditioner.embedders.0.model."),
}

_ATTENTION = re.compile(r"(.*\.attn[12]\.)(to_[qkv]|to_out\.0)$")
_SELF_ATTENTION = re.compile(r"(.*\.self_attn\.)((q|k|v|out)_proj)$")
_TEXT_STEM = re.compile(
    r"lora_te\d?_|lora_prior_te_|text_encoders?(_\d)?\.|clip_[lgh]\.|t5\.|transformer\.resblocks\."
    r"|(cond_stage_model|conditioner\.embedders\.\d)\.|cloneofsimo:text"
    r"|base_model\.model\.(text_model|encoder\.layers)\."
)
# Files of 2023 repeat all four under each of them; only one is its own.
_NESTED = re.compile(r"self_attn\.(q|k|v|out)_proj\.to_(?!\1$)(q|k|v|out)$")


def is_text(stem: str) -> bool:
    """Whether a stem is written like one of a text network."""
    return _TEXT_STEM.match(stem) is not None


def component_of(config: Config) -> Component:
    """How LoRA files call the network in their metadata."""
    if isinstance(config, TextConfig):
        return "text_encoder_2" if config.kind == "g" else "text_encoder"
    return "unet"


def stems(config: Config, *, alone: bool = False) -> Iterator[Stem]:
    """Every stem of the network of ``config``, those first that are preferred.

    ``alone`` says of a CLIP-G that it is the only text network, as in the SDXL refiner.
    """
    if isinstance(config, UnetConfig):
        yield from _unet(names(config).pairs)
        for order, modules in unet_orders(config).items():
            yield from _numbered(order, modules)
    if isinstance(config, TextConfig):
        yield from _text(config, _modules(config), alone=alone)
        yield from _openclip(config)
        for order, modules in text_order(config).items():
            yield from _numbered(order, modules)


def ignored(config: Config, stem: str) -> bool:
    """Whether ``stem`` means something that the network of ``config`` has no use for, so that
    leaving it out is no loss.
    """
    if not isinstance(config, TextConfig):
        return False
    return _NESTED.search(stem) is not None or stem in _ghost_stems(config)


@lru_cache(maxsize=16)
def _ghost_stems(config: TextConfig) -> frozenset[str]:
    return frozenset(ghost.text for ghost in _text(config, _ghosts(config), alone=True))


def _numbered(order: str, modules: Iterable[str]) -> Iterator[Stem]:
    for number, module in enumerate(modules):
        yield Stem(f"{PREFIX}{order}:{number}", "cloneofsimo", module)


def _unet(pairs: Iterable[Pair]) -> Iterator[Stem]:
    pairs = tuple(pairs)
    for dialect, prefix, kind in _UNET:
        for pair in pairs:
            name = pair.live if kind.startswith("live") else pair.file
            both = (name, name.replace(*_ALIAS)) if dialect in _ALIASED else (name,)
            for path in dict.fromkeys(both):
                text = path.replace(".", "_") if kind.endswith("_") else path
                yield Stem(prefix + text, dialect, pair.live)
    for pair in pairs:
        yield from _processors(pair.live)


def _processors(live: str) -> Iterator[Stem]:
    """Attention as diffusers' processors wrote it: a level more, ``to_out`` for ``to_out.0``."""
    found = _ATTENTION.match(live)
    if found is None:
        return
    short = found[2].removesuffix(".0")
    for prefix in ("unet.", ""):
        for name in dict.fromkeys((f"processor.{short}", f"processor.{found[2]}", short)):
            if name != found[2]:
                yield Stem(f"{prefix}{found[1]}{name}", "diffusers attention processors", live)


def _modules(config: TextConfig) -> tuple[str, ...]:
    """Live names; the projection is CLIP-G's alone, the others' is not used for prompts."""
    pairs = names(config).pairs
    return tuple(p.live for p in pairs if config.kind == "g" or p.live != _PROJECTION)


def _ghosts(config: TextConfig) -> tuple[str, ...]:
    """Modules that files may have and the network of ``config`` has not."""
    if config.kind == "g":
        return ()
    layers = range(config.layers, _CLIP_H_LAYERS) if config.kind == "h" else ()
    first = f"{_ROOT}encoder.layers.0."
    of_a_layer = [name for name in _modules(config) if name.startswith(first)]
    moved = (name.replace(".0.", f".{layer}.", 1) for layer in layers for name in of_a_layer)
    return (_PROJECTION, *moved)


def _text(config: TextConfig, modules: tuple[str, ...], *, alone: bool) -> Iterator[Stem]:
    kohya = _KOHYA_TEXT[config.kind]
    if config.kind == "g" and alone:
        kohya = ("lora_te_", *kohya)
    for prefix in kohya:
        yield from (Stem(prefix + m.replace(".", "_"), "kohya", m) for m in modules)
    for dialect, prefix in _DOTTED_TEXT[config.kind]:
        for module in modules:
            yield Stem(prefix + module, dialect, module)
            short = module.removeprefix(_ROOT)
            if dialect == "diffusers" and short != module:
                yield Stem(prefix + short, dialect, module)
            if dialect == "diffusers":
                yield from _old_attention(prefix, module)
    if config.kind == "g":
        yield from (
            Stem(f"lora_prior_te_{m}", "Stable Cascade", m) for m in modules if m == _PROJECTION
        )
    else:
        for module in (m for m in modules if m.startswith(_ROOT)):
            yield Stem(f"base_model.model.{module}", "PEFT", module)
            if module.startswith(f"{_ROOT}encoder."):
                yield Stem(f"base_model.model.{module.removeprefix(_ROOT)}", "PEFT", module)


def _old_attention(prefix: str, module: str) -> Iterator[Stem]:
    """Text attention of the oldest diffusers: ``to_q`` for ``q_proj``, or beneath it."""
    found = _SELF_ATTENTION.match(module)
    if found:
        dialect = "diffusers, old"
        yield Stem(f"{prefix}{found[1]}to_{found[3]}", dialect, module)
        yield Stem(f"{prefix}{found[1]}{found[2]}.to_{found[3]}", dialect, module)


def _openclip(config: TextConfig) -> Iterator[Stem]:
    """OpenCLIP's own names, where q, k and v are rows of one weight."""
    width = config.width
    for prefix in _OPENCLIP[config.kind]:
        for layer in range(config.layers):
            live, file = f"{_ROOT}encoder.layers.{layer}", f"{prefix}transformer.resblocks.{layer}"
            for new, old in _RESBLOCKS.items():
                yield Stem(f"{file}.{old}", "OpenCLIP", f"{live}.{new}")
            for third, name in enumerate(("q_proj", "k_proj", "v_proj")):
                rows = Rows(third * width, (third + 1) * width, 3 * width)
                for fused in ("attn.in_proj", "attn.in_proj_weight"):
                    yield Stem(f"{file}.{fused}", "OpenCLIP", f"{live}.self_attn.{name}", rows)

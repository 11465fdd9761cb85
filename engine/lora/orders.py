"""In which order cloneofsimo's trainer met the modules of a network.

It went through the children of every module in the order in which diffusers registers them: of the
UNet the way down, the way up, then the middle; of a block its attentions before its residual
blocks; of a transformer layer either both attentions and then the feed-forward, or the feed-forward
between them (diffusers <= 0.11); of a text layer k, v, q, out. Only the gate of the feed-forward
was trained, and in "extended" files all that residual blocks hold, too.
"""

import re
from collections.abc import Iterable, Mapping

from engine.lora.unnamed import AFTER, BETWEEN, EXTENDED, TEXT
from engine.weights.configs import TextConfig, UnetConfig
from engine.weights.ldm import names

_ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
_GATE = ("ff.net.0.proj",)
_FIRST = tuple(f"attn1.{name}" for name in _ATTENTION)
_SECOND = tuple(f"attn2.{name}" for name in _ATTENTION)
_RESNET = ("conv1", "time_emb_proj", "conv2", "conv_shortcut")

_LAYER = re.compile(r"(.+\.transformer_blocks\.\d+)\.norm1$")
_BLOCK = re.compile(r"(.+\.resnets\.\d+)\.conv1$")
_HALVES = ("down_blocks", "up_blocks", "mid_block")


def unet_orders(config: UnetConfig) -> Mapping[str, tuple[str, ...]]:
    """For each order the live names of the modules."""
    live = [pair.live for pair in names(config).pairs]
    inside = {BETWEEN: (*_FIRST, *_GATE, *_SECOND), AFTER: (*_FIRST, *_SECOND, *_GATE)}
    plain = {order: tuple(_layers(live, inner)) for order, inner in inside.items()}
    more = {order + EXTENDED: tuple(_extended(live, inner)) for order, inner in inside.items()}
    return plain | more


def text_order(config: TextConfig) -> Mapping[str, tuple[str, ...]]:
    """The same for a text network."""
    layers = range(config.layers)
    return {
        TEXT: tuple(
            f"text_model.encoder.layers.{layer}.self_attn.{name}_proj"
            for layer in layers
            for name in ("k", "v", "q", "out")
        )
    }


def _in_order(live: Iterable[str], pattern: re.Pattern[str]) -> list[str]:
    found = [match[1] for name in live if (match := pattern.match(name))]
    # Sorting is stable: inside a half they stay in the order of the network.
    return sorted(found, key=_half)


def _half(path: str) -> int:
    return _HALVES.index(path.partition(".")[0])


def _layers(live: Iterable[str], inner: tuple[str, ...]) -> list[str]:
    return [f"{layer}.{name}" for layer in _in_order(live, _LAYER) for name in inner]


def _extended(live: Iterable[str], inner: tuple[str, ...]) -> list[str]:
    there = set(live)
    by_block: dict[str, list[str]] = {}
    for module in _layers(live, inner):
        by_block.setdefault(_block(module), []).append(module)
    for resnet in _in_order(live, _BLOCK):
        modules = (f"{resnet}.{name}" for name in _RESNET)
        by_block.setdefault(_block(resnet), []).extend(name for name in modules if name in there)
    return [module for block in sorted(by_block, key=_place) for module in by_block[block]]


def _place(block: str) -> tuple[int, str]:
    """Down, up, middle; inside a half by number, which has one digit."""
    return _half(block), block


def _block(path: str) -> str:
    """``down_blocks.0`` or ``mid_block``, of anything inside."""
    return ".".join(path.split(".")[: 1 if path.startswith("mid_block") else 2])

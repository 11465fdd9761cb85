"""cloneofsimo's files, whose tensors have numbers for names: which is which.

``.pt`` files are a bare list up, down, up, down ...; ``.safetensors`` files name them
``unet:<n>:up``. Module n is the n-th that the trainer met on its way through the network, and that
depends on the version of diffusers (``stems.py`` has the orders). What is decided here, from the
shapes alone, is which network and which order a file is about. Names become those of kohya, with
``cloneofsimo:<order>:<n>`` for a stem.

Source: cloneofsimo/lora (Apache-2.0), ``lora_diffusion/lora.py``, and its file format.
"""

import json
import re
from collections.abc import Mapping

from engine.lora.algorithms.kind import Shape, columns

# What tells a vector for a prompt from a factor.
EMBEDDED = "<embed>"
# Orders: the feed-forward between the attentions (diffusers <= 0.11) or after them.
BETWEEN, AFTER, TEXT = "unet_ff_between", "unet_ff_after", "text_encoder"
# What the orders of "extended" files end with.
EXTENDED = "_extended"
PREFIX = "cloneofsimo:"

_KEY = re.compile(r"(unet|text_encoder):(\d{1,5}):(up|down)$")
# The feed-forward gates, so it is the one with 8 times as many rows as columns.
_FEED_FORWARD = 8


def named(shapes: Mapping[str, Shape], metadata: Mapping[str, str]) -> dict[str, str] | None:
    """The tensors of such a file with names that say what they are; None for other files."""
    found = _listed(shapes) or _keyed(shapes)
    if not found:
        return None
    pairs = {key: shapes[name] for key, name in found.items()}
    orders = {part: _order(part, pairs, metadata) for part in {key[0] for key in found}}
    names = {
        name: f"{PREFIX}{orders[part]}:{index}.lora_{side}.weight"
        for (part, index, side), name in found.items()
    }
    rest = (name for name in shapes if name not in names)
    return names | {name: EMBEDDED if metadata.get(name) == EMBEDDED else name for name in rest}


_Key = tuple[str, int, str]


def _listed(shapes: Mapping[str, Shape]) -> dict[_Key, str]:
    """A bare list: its items have their places for names."""
    if not shapes or len(shapes) % 2 or set(shapes) != {str(n) for n in range(len(shapes))}:
        return {}
    keys = [("", n // 2, "down" if n % 2 else "up") for n in range(len(shapes))]
    gated = any(_gates(shapes[str(n)], shapes[str(n + 1)]) for n in range(0, len(shapes), 2))
    part = "unet" if gated else "text_encoder"
    return {(part, index, side): str(n) for n, (_, index, side) in enumerate(keys)}


def _keyed(shapes: Mapping[str, Shape]) -> dict[_Key, str]:
    matches = ((name, _KEY.match(name)) for name in shapes)
    return {(found[1], int(found[2]), found[3]): name for name, found in matches if found}


def _order(part: str, shapes: Mapping[_Key, Shape], metadata: Mapping[str, str]) -> str:
    if part == "text_encoder":
        return TEXT
    fifth = shapes.get((part, 4, "up"), ()), shapes.get((part, 4, "down"), ())
    order = BETWEEN if _gates(*fifth) else AFTER
    convolves = any(len(shape) == 4 for key, shape in shapes.items() if key[0] == part)
    return order + EXTENDED if convolves or _is_extended(metadata) else order


def _gates(up: Shape, down: Shape) -> bool:
    return bool(up) and bool(down) and up[0] == _FEED_FORWARD * columns(down)


def _is_extended(metadata: Mapping[str, str]) -> bool:
    try:
        targets = json.loads(metadata.get("unet", "[]"))
    except (ValueError, RecursionError):
        return False
    return isinstance(targets, list) and "ResnetBlock2D" in targets

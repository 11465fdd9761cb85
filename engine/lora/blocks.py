"""Into which block of a network a module belongs, as block weights count them.

The 26 ids are the blocks of original (LDM) checkpoints, and BASE for text networks. Embeddings of
time and size and the output layers belong to none.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from engine.weights.configs import Config, TextConfig, UnetConfig
from engine.weights.ldm import names

BASE = "BASE"


def _numbered(prefix: str, *numbers: int) -> Iterator[str]:
    return (f"{prefix}{number:02}" for number in numbers)


ALL_IDS = (BASE, *_numbered("IN", *range(12)), "M00", *_numbered("OUT", *range(12)))
_FLUX = ("CLIP", "T5", "IN", *_numbered("D", *range(19)), *_numbered("S", *range(38)), "OUT")
# By how many weights are given: what they are for.
IDS: Mapping[int, tuple[str, ...]] = {
    12: (BASE, *_numbered("IN", 4, 5, 7, 8), "M00", *_numbered("OUT", *range(6))),
    17: (BASE, *_numbered("IN", 1, 2, 4, 5, 7, 8), "M00", *_numbered("OUT", *range(3, 12))),
    20: (BASE, *_numbered("IN", *range(9)), "M00", *_numbered("OUT", *range(9))),
    26: ALL_IDS,
    61: _FLUX,
}

# Beginnings of original names, and the id; the number in them is the id's.
_PLACES = (
    (re.compile(r"input_blocks\.(\d+)\."), "IN"),
    (re.compile(r"output_blocks\.(\d+)\."), "OUT"),
    (re.compile(r"double_blocks\.(\d+)\."), "D"),
    (re.compile(r"single_blocks\.(\d+)\."), "S"),
)
_FIXED = (
    (re.compile(r"middle_block\."), "M00"),
    (re.compile(r"(img|txt|time|vector|guidance)_in\b"), "IN"),
    (re.compile(r"final_layer\."), "OUT"),
)


def block_of_name(original: str) -> str | None:
    """The block of a module of a UNet or of Flux by its original name; None for none."""
    for pattern, prefix in _PLACES:
        found = pattern.match(original)
        if found:
            return f"{prefix}{int(found[1]):02}"
    return next((block for pattern, block in _FIXED if pattern.match(original)), None)


@lru_cache(maxsize=32)
def blocks_of(config: Config) -> Mapping[str, str | None]:
    """Live name of every module of a network to its block."""
    pairs = names(config).pairs
    if isinstance(config, UnetConfig):
        return {pair.live: block_of_name(pair.file) for pair in pairs}
    return {pair.live: BASE if isinstance(config, TextConfig) else None for pair in pairs}

"""What the stems of LoRA files mean: a table from stem to module, made from a network's names.

Kohya's names write every dot as an underscore, which cannot be undone by looking at a name, so
stems are always looked up in the table and never taken apart.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from engine.weights.checkpoint import Part
from engine.weights.configs import Config, TextConfig, UnetConfig
from engine.weights.ldm import Pair, names


@dataclass(frozen=True, slots=True)
class Target:
    """A weight that a stem may name: its live parameter name and its shape in the network."""

    parameter: str
    shape: tuple[int, ...]


# Prefixes by which a stem says that it is meant for a text encoder of the CLIP-L kind.
TEXT_PREFIXES = ("lora_te_", "lora_te1_")
UNET_PREFIXES = ("lora_unet_",)


def stems(config: Config) -> Iterator[tuple[str, Pair]]:
    """Every stem of the network of ``config``, with the module it names; preferred names first."""
    pairs = names(config).pairs
    if isinstance(config, UnetConfig):
        for prefix in UNET_PREFIXES:
            yield from ((prefix + pair.live.replace(".", "_"), pair) for pair in pairs)
            yield from ((prefix + pair.file.replace(".", "_"), pair) for pair in pairs)
    if isinstance(config, TextConfig):
        for prefix in TEXT_PREFIXES:
            yield from ((prefix + pair.live.replace(".", "_"), pair) for pair in pairs)


def target_table(config: Config, shapes: Mapping[str, tuple[int, ...]]) -> Mapping[str, Target]:
    """Stem to target for a network whose live parameters have ``shapes``."""
    table: dict[str, Target] = {}
    for stem, pair in stems(config):
        parameter = f"{pair.live}.weight"
        if parameter in shapes:
            table.setdefault(stem, Target(parameter, shapes[parameter]))
    return table


@lru_cache(maxsize=32)
def part_targets(part: Part[Config]) -> Mapping[str, Target]:
    """Stem to target for a part of a checkpoint, with the shapes that are in its file."""
    weights = (f"{pair.live}.weight" for pair in names(part.config).pairs)
    return target_table(part.config, {name: part.shape(name) for name in weights})

"""The table that stems are looked up in, for the network at hand."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from engine.lora.algorithms.kind import Shape
from engine.lora.stems import Component, Stem, component_of, stems
from engine.weights.configs import Config, TextConfig
from engine.weights.ldm import names
from engine.weights.part import Part

# Where the SDXL refiner keeps its CLIP-G, its only text network.
_REFINER = "conditioner.embedders.0.model."


@dataclass(frozen=True)
class Targets:
    """A network as LoRA files name it.

    Attributes:
        stems: by stem, the modules that it means, usually one. Preferred stems first.
        shapes: of the live parameters.
        grows: whether its weights may become larger (``reshape_weight``).
    """

    config: Config
    stems: Mapping[str, tuple[Stem, ...]]
    shapes: Mapping[str, Shape]
    grows: bool = False

    @property
    def component(self) -> Component:
        return component_of(self.config)


def target_table(
    config: Config, shapes: Mapping[str, Shape], *, alone: bool = False, grows: bool = False
) -> Targets:
    """The table of a network whose live parameters have ``shapes``; ``alone`` as of ``stems``."""
    return Targets(config, _by_text(config, alone), shapes, grows)


@lru_cache(maxsize=16)
def _by_text(config: Config, alone: bool) -> Mapping[str, tuple[Stem, ...]]:
    found: dict[str, tuple[Stem, ...]] = {}
    for stem in stems(config, alone=alone):
        others = found.get(stem.text, ())
        # The same text twice is several modules in one, or the same module over again.
        if stem.module not in (other.module for other in others):
            found[stem.text] = (*others, stem)
    return found


@lru_cache(maxsize=32)
def part_targets(part: Part[Config]) -> Targets:
    """The table of a part of a checkpoint, with the shapes that are in its file."""
    shapes = {name: part.shape(name) for name in names(part.config).file_of}
    alone = isinstance(part.config, TextConfig) and part.prefix == _REFINER
    return target_table(part.config, shapes, alone=alone)

"""One network inside a file: where its parameters are and what shapes they have."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Generic

from engine.weights.configs import Config
from engine.weights.detect import C_co
from engine.weights.errors import WeightsError
from engine.weights.handles import WeightsFile
from engine.weights.layouts import Layout, Place, places
from engine.weights.ldm import names
from engine.weights.tensors import catalogue


@dataclass(frozen=True, slots=True)
class Part(Generic[C_co]):
    """One network inside a file.

    Attributes:
        config: what the network looks like.
        layout: how its names are written.
        prefix: what stands before its names in this file.
        omitted: a beginning of the layout's names that this file leaves out.
    """

    file: WeightsFile
    config: C_co
    layout: Layout
    prefix: str = ""
    omitted: str = ""

    def place(self, live: str) -> Place:
        """Where the file has parameter ``live`` of the network."""
        place = places(self.config, self.layout)[live]
        return replace(place, name=self.prefix + place.name.removeprefix(self.omitted))

    def shape(self, live: str) -> tuple[int, ...]:
        """The shape, as the live network has it, of a parameter."""
        place = self.place(live)
        shape = place.shape(catalogue(self.file).tensors[place.name].shape)
        return names(self.config).live_shape(live, shape)

    @property
    def parameters(self) -> int:
        """How many numbers the network has."""
        return _sizes(self)[0]

    @property
    def stored_bytes(self) -> int:
        """How many bytes of the file they are."""
        return _sizes(self)[1]

    def check_complete(self, what: str) -> None:
        """Raise WeightsError when the file lacks some of the weights of this network."""
        there = catalogue(self.file).tensors
        needed = sorted({self.place(live).name for live in places(self.config, self.layout)})
        missing = [name for name in needed if name not in there]
        if missing:
            raise WeightsError(
                f"{self.file.name} lacks {len(missing)} of the {len(needed)} weights of its {what} "
                f"({listed(missing)}); it is incomplete or of a kind that is not supported."
            )


@lru_cache(maxsize=256)
def _sizes(part: Part[Config]) -> tuple[int, int]:
    tensors = catalogue(part.file).tensors
    found = [tensors[name] for name in {part.place(n).name for n in names(part.config).file_of}]
    return sum(entry.count for entry in found), sum(entry.bytes for entry in found)


def listed(items: list[str]) -> str:
    """The first few of ``items``, for a sentence."""
    return ", ".join(items[:3]) + (", ..." if len(items) > 3 else "")

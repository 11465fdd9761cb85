"""What is in memory on each device, in bytes, and what goes first when more is needed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch

from engine.weights.choices import Choice
from engine.weights.configs import Config
from engine.weights.handles import LoraPatch
from engine.weights.networks import Network
from engine.weights.part import Part

Patches = tuple[LoraPatch, ...]
Key = tuple[Part[Config], Choice]


@dataclass(slots=True, eq=False)
class Resident:
    """A network in memory. ``applied`` holds the entries baked into each patched parameter;
    None stands for a bake that did not finish.
    """

    key: Key
    network: Network
    patches: Patches | None = ()
    applied: dict[str, Patches | None] = field(default_factory=dict)
    # The age of the ledger at the last use, and what it is worth on top of that.
    standing: float = 0.0

    @property
    def part(self) -> Part[Config]:
        return self.key[0]

    @property
    def device(self) -> torch.device:
        """Where its weights rest."""
        return self.network.choice.home

    @property
    def worth(self) -> float:
        """Bytes that have to be read and baked to have it back, for each byte that it takes.

        A bake reads and writes a parameter about once for each patch on it.
        """
        baked = sum(
            self.network.parameters[name].nbytes * (1 + len(entries or ()))
            for name, entries in self.applied.items()
        )
        return (self.part.stored_bytes + baked) / max(1, self.network.bytes)


class Ledger:
    """The residents, by what they are.

    What goes first is what is worth least to keep, counted from its last use (GreedyDual: Young
    1994): whatever leaves takes the age of all others up to its own standing, so that what is dear
    to bring back stays longer, but not for ever.
    """

    def __init__(self) -> None:
        self._residents: dict[Key, Resident] = {}
        self._age = 0.0

    def __iter__(self) -> Iterator[Resident]:
        return iter(tuple(self._residents.values()))

    def find(self, key: Key) -> Resident | None:
        return self._residents.get(key)

    def used(self, device: torch.device) -> int:
        """Bytes of weights that rest on ``device``."""
        return sum(one.network.bytes for one in self if one.device == device)

    def add(self, resident: Resident) -> None:
        self._residents[resident.key] = resident
        self.use(resident)

    def use(self, resident: Resident) -> None:
        """It was used just now: the last among those of equal standing to go."""
        resident.standing = self._age + resident.worth
        self._residents[resident.key] = self._residents.pop(resident.key)

    def first_to_go(self, device: torch.device, but: Resident | None = None) -> Resident | None:
        """Which of the residents of ``device`` goes first; None when there is none ``but`` one."""
        there = [one for one in self if one.device == device and one is not but]
        return min(there, key=lambda one: one.standing, default=None)

    def drop(self, resident: Resident) -> None:
        self._age = max(self._age, resident.standing)
        del self._residents[resident.key]

    def bytes(self) -> Mapping[str, int]:
        """Bytes of weights by device, for whoever looks."""
        devices = {one.device for one in self}
        return {str(device): self.used(device) for device in devices}

"""Results by key: what they are, and what the executor asks of whoever keeps them.

``memory.py`` and ``disk.py`` keep them, ``tiers.py`` puts both together as the flags ask for.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from engine.graph.keys import Key


@dataclass(frozen=True, slots=True)
class Entry:
    """What a node computed.

    Attributes:
        values: per output slot its elements: one, or as many as the list that the node returned.
        ui: what it showed.
        seconds: how long computing it took.
    """

    values: tuple[tuple[Any, ...], ...]
    ui: Mapping[str, list[Any]] | None = None
    seconds: float = 0.0


class Cache(Protocol):
    """What the executor asks. Any thread may call it, and so may several jobs at once."""

    @property
    def bytes(self) -> int:
        """Bytes of memory that the kept results hold."""
        ...

    def get(self, key: Key) -> Entry | None:
        """The entry of ``key``, which counts as used now."""
        ...

    def peek(self, key: Key) -> Entry | None:
        """What memory holds of ``key``; counts as no use and reads no disk."""
        ...

    def __contains__(self, key: object) -> bool:
        """Whether ``get`` would very likely give an entry, without fetching it."""
        ...

    def put(self, key: Key, entry: Entry) -> None:
        """Keep ``entry`` if it is worth its room."""
        ...

    def drop(self, key: Key) -> None:
        """Forget ``key``, in memory and on disk, whether it is there or not."""
        ...

    def clear(self) -> None:
        """Give the memory back."""
        ...

    def begin(self, prompt_id: str, keys: Collection[Key]) -> None:
        """A prompt starts that needs ``keys``; asked again when its graph has grown."""
        ...

    def end(self, prompt_id: str) -> None:
        """The prompt that ``begin`` announced is over."""
        ...

    def close(self) -> None:
        """Finish what runs behind it."""
        ...

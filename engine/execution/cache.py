"""Results by key, within a budget of bytes. Only the executor's thread touches it."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.graph.keys import Key

# A value that does not tell its size still costs something, so that a budget always empties.
_SMALL = 512


@dataclass(frozen=True, slots=True)
class Entry:
    """What a node computed: its outputs by slot and what it showed."""

    values: tuple[Any, ...]
    ui: Mapping[str, list[Any]] | None = None


class MemoryCache:
    """Keeps the results used last, as many as fit into ``budget`` bytes."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.bytes = 0
        self._entries: OrderedDict[Key, tuple[Entry, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key) -> Entry | None:
        found = self._entries.get(key)
        if found is None:
            return None
        self._entries.move_to_end(key)
        return found[0]

    def put(self, key: Key, entry: Entry) -> None:
        """Keep ``entry``; what was not used for longest leaves when the budget is exceeded."""
        size = sum(nbytes(value) for value in entry.values) + nbytes(entry.ui)
        self.drop(key)
        if size > self.budget:
            return
        self._entries[key] = (entry, size)
        self.bytes += size
        while self.bytes > self.budget:
            _, (_, freed) = self._entries.popitem(last=False)
            self.bytes -= freed

    def drop(self, key: Key) -> None:
        _, size = self._entries.pop(key, (None, 0))
        self.bytes -= size

    def clear(self) -> None:
        self._entries.clear()
        self.bytes = 0


def nbytes(value: Any) -> int:
    """Bytes that ``value`` holds in memory: exact for tensors and arrays, a guess for the rest."""
    if hasattr(value, "nbytes"):
        return int(value.nbytes)
    if isinstance(value, (str, bytes)):
        return len(value)
    if isinstance(value, Mapping):
        return sum(nbytes(item) for item in value.values()) + _SMALL
    if isinstance(value, (list, tuple)):
        return sum(nbytes(item) for item in value) + _SMALL
    return _SMALL

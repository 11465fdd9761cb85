"""How much memory a value holds. Knows tensors and arrays by what they can do, imports neither."""

import sys
from collections.abc import Mapping
from typing import Any

# What cannot be measured still costs something, so that a budget always empties.
_UNKNOWN = 512
_PLAIN = frozenset((str, bytes, int, float, bool, complex, type(None)))


def nbytes(value: Any) -> int:
    """Bytes that ``value`` keeps in memory: exact for tensors and arrays, a guess for the rest.

    A tensor that is a view keeps the whole storage that it looks at, and is counted so; a storage
    that several tensors share is counted once. Models and handles count as small: their weights
    belong to the residency, not to whoever holds the handle.
    """
    total = 0
    seen: set[Any] = set()
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if type(item) in _PLAIN:
            total += sys.getsizeof(item)
            continue
        name, size, inside = _parts(item)
        if name in seen:
            continue
        seen.add(name)
        total += size
        waiting.extend(inside)
    return total


def _parts(item: Any) -> tuple[Any, int, list[Any]]:
    """What tells ``item`` from others, its own bytes, and what it contains."""
    if isinstance(item, Mapping):
        return id(item), _UNKNOWN + 64 * len(item), [*item.keys(), *item.values()]
    if isinstance(item, list | tuple | set | frozenset):
        return id(item), 64 + 8 * len(item), list(item)
    try:
        if hasattr(item, "untyped_storage"):
            storage = item.untyped_storage()
            return ("storage", storage.data_ptr()), _UNKNOWN + int(storage.nbytes()), []
        size = max(0, int(getattr(_owner(item), "nbytes", 0)))
    except (OverflowError, RuntimeError, TypeError, ValueError):
        size = 0  # tensors without a storage (sparse, fake), and objects that only look sized
    return id(_owner(item)), _UNKNOWN + size, []


def _owner(item: Any) -> Any:
    """The array whose memory ``item`` looks at, or ``item`` itself."""
    base = getattr(item, "base", None)
    return base if hasattr(item, "nbytes") and hasattr(base, "nbytes") else item

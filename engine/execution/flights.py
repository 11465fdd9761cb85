"""Results that are being computed now: the same one, asked for by two jobs, is computed once."""

from collections.abc import Callable
from threading import Lock

from engine.execution.cache import Entry
from engine.graph.keys import Key

# Told when a flight is over: with the result, or with None when there is none.
Landed = Callable[[Entry | None], None]


class Flights:
    """Keys that some job computes, and who waits for them. Any thread may come here."""

    def __init__(self) -> None:
        self._waiting: dict[Key, list[Landed]] = {}
        self._lock = Lock()

    def take_off(self, key: Key, landed: Landed) -> bool:
        """Whether the caller is to compute ``key``. If not, somebody does: it is told the end."""
        with self._lock:
            if key in self._waiting:
                self._waiting[key].append(landed)
                return False
            self._waiting[key] = []
            return True

    def land(self, key: Key, entry: Entry | None) -> None:
        """The computation is over; without an entry one of those who waited may try itself."""
        with self._lock:
            waiting = self._waiting.pop(key)
        for landed in waiting:
            landed(entry)

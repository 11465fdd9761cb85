"""A worker's signs of life: its device's facts when they have changed, else that it is alive.

One thread does it beside whatever runs, so a node that computes for an hour is no silence, and a
job does not wait for memory to be counted.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from engine.queue.protocol import ALIVE_EVERY
from engine.queue.wire import Wire

# Seconds at least between two reports of facts.
_FACTS_EVERY = 1.0


class Pulse:
    """Beats from its making on; knows facts once ``know`` was told where they are from."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._facts: Callable[[], Mapping[str, Any]] | None = None
        self._changed = threading.Event()
        self._never = threading.Event()
        threading.Thread(target=self._beat, name="pulse", daemon=True).start()

    def know(self, facts: Callable[[], Mapping[str, Any]]) -> None:
        self._facts = facts

    def changed(self) -> None:
        """What the facts say may be different now."""
        self._changed.set()

    def _beat(self) -> None:
        while True:
            if self._changed.wait(ALIVE_EVERY) and self._facts is not None:
                self._changed.clear()
                self._wire.send({"kind": "device", "device": self._facts()})
                self._never.wait(_FACTS_EVERY)
            else:
                self._wire.send({"kind": "alive"})

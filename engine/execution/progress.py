"""Telling watchers how far each node is, without telling them everything again each time.

A ``progress_state`` message carries the nodes that run and those that changed since the last one.
Messages are at most 20 a second; whatever changed in between is in the next.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from engine.execution.job import Emit, Event
from engine.graph.run import LiveGraph, Preview

_INTERVAL = 0.05


class ProgressBoard:
    """The progress of one job. Nodes report from their lanes, so it has a lock."""

    def __init__(
        self,
        prompt_id: str,
        emit: Emit,
        graph: LiveGraph,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._prompt_id = prompt_id
        self._graph = graph
        self._emit = emit
        self._clock = clock
        self._lock = threading.Lock()
        self._running: dict[str, dict[str, Any]] = {}
        self._changed: dict[str, dict[str, Any]] = {}
        self._sent = float("-inf")

    def start(self, node_id: str) -> None:
        """Announce that a node begins: always told at once."""
        self._emit(
            Event(
                "executing",
                {
                    "node": node_id,
                    "display_node": self._graph.display(node_id),
                    "prompt_id": self._prompt_id,
                },
            )
        )
        self._change(node_id, "running", 0, 1)

    def step(self, node_id: str, value: int, total: int, preview: Preview | None) -> None:
        """A running node did ``value`` of ``total`` steps. Steps and previews are told at once."""
        self._change(node_id, "running", value, total)
        data = {"value": value, "max": total, "prompt_id": self._prompt_id, "node": node_id}
        self._emit(Event("progress", data))
        if preview is not None:
            whose = {**self._identity(node_id), "image_type": preview.mime}
            self._emit(Event("preview", whose, preview.image))

    def finish(self, node_id: str) -> None:
        with self._lock:
            total = self._running.get(node_id, {}).get("max", 1)
        self._change(node_id, "finished", total, total)

    def fail(self, node_id: str) -> None:
        self._change(node_id, "error", 0, 1)

    def flush(self) -> None:
        """Tell what has not been told yet: called when the job ends, and when nothing else does."""
        with self._lock:
            message = self._take() if self._changed else None
        if message is not None:
            self._emit(message)

    def _change(self, node_id: str, state: str, value: int, total: int) -> None:
        record = {**self._identity(node_id), "state": state}
        record |= {"value": value, "max": total}
        with self._lock:
            self._changed[node_id] = record
            if state == "running":
                self._running[node_id] = record
            else:
                self._running.pop(node_id, None)
            due = self._clock() - self._sent >= _INTERVAL
            message = self._take() if due else None
        if message is not None:
            self._emit(message)

    def _take(self) -> Event:
        nodes = {**self._running, **self._changed}
        self._changed = {}
        self._sent = self._clock()
        return Event("progress_state", {"prompt_id": self._prompt_id, "nodes": nodes})

    def _identity(self, node_id: str) -> dict[str, Any]:
        return {
            "node_id": node_id,
            "prompt_id": self._prompt_id,
            "display_node_id": self._graph.display(node_id),
            "parent_node_id": self._graph.parent(node_id),
            "real_node_id": self._graph.real(node_id),
        }

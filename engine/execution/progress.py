"""Telling watchers how far each node is, without telling them everything again each time.

A ``progress_state`` message carries the nodes that run and those that changed since the last one.
Messages are at most 20 a second; whatever changed in between is in the next. Steps are told one by
one, unless a node has so many that nobody could look at each.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from engine.execution.job import Emit, Event
from engine.graph.run import LiveGraph, Preview

_INTERVAL = 0.05
# Steps of one node that are told one by one; of those after them the latest, now and then.
_SINGLE = 200


@dataclass(slots=True)
class _Steps:
    """The steps of one node: how many were told, when the last was, and what is held back."""

    count: int = 0
    sent: float = float("-inf")
    held: list[Event] = field(default_factory=list)

    def tell(self, events: list[Event], clock: Callable[[], float]) -> list[Event]:
        """What of this step is to be told now: all or nothing."""
        self.count += 1
        if self.count > _SINGLE:
            now = clock()
            if now - self.sent < _INTERVAL:
                self.held = events
                return []
            self.sent = now
        self.held = []
        return events


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
        self._at_work: set[str] = set()
        self._changed: dict[str, dict[str, Any]] = {}
        self._sent = float("-inf")
        self._steps: dict[str, _Steps] = {}

    def start(self, node_id: str) -> None:
        """Announce that a node begins: always told at once."""
        with self._lock:
            self._at_work.add(node_id)
        self._change(node_id, "running", 0, 1)
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

    def step(self, node_id: str, value: int, total: int, preview: Preview | None) -> None:
        """A running node did ``value`` of ``total`` steps, and this is what it looks like."""
        self._change(node_id, "running", value, total)
        data = {"value": value, "max": total, "prompt_id": self._prompt_id, "node": node_id}
        events = [Event("progress", data)]
        if preview is not None:
            whose = {**self._identity(node_id), "image_type": preview.mime}
            events.append(Event("preview", whose, preview.image))
        with self._lock:
            told = self._steps.setdefault(node_id, _Steps()).tell(events, self._clock)
        for event in told:
            self._emit(event)

    def returned(self, node_id: str) -> None:
        """A node's function has returned. What came of it follows; there may be thousands of such
        nodes, so they are not told again and again.
        """
        with self._lock:
            self._at_work.discard(node_id)

    def finish(self, node_id: str) -> None:
        with self._lock:
            steps = self._steps.pop(node_id, None)
        for event in () if steps is None else steps.held:
            self._emit(event)
        with self._lock:
            total = self._running.get(node_id, {}).get("max", 1)
        self._change(node_id, "finished", total, total)

    def were_there(self, node_ids: Iterable[str]) -> None:
        """Nodes that have results without having run."""
        found = {}
        for node_id in node_ids:
            record = self._identity(node_id)
            record.update(state="finished", value=1, max=1)
            found[node_id] = record
        with self._lock:
            self._changed.update(found)

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
        nodes = {i: self._running[i] for i in self._at_work if i in self._running} | self._changed
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

"""Why a node ran: which input has changed since it last did, from what to what."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from engine.graph.keys import SALT, Key, Keys

_MAX_SHOWN = 120
_NEW: Mapping[str, Any] = {"why": "new", "changes": []}
_EVICTED: Mapping[str, Any] = {"why": "evicted", "changes": []}
_SAYS_SO: Mapping[str, Any] = {"why": "says so", "changes": []}


@dataclass(frozen=True, slots=True)
class Past:
    """What the nodes of a document were when they were last asked for, by node id."""

    keys: Mapping[str, Key] = field(default_factory=dict)
    parts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    classes: Mapping[str, str] = field(default_factory=dict)

    def why(
        self, node_id: str, class_type: str, key: Key, parts: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Why this node is not cached, compared with the last time.

        ``{"why": "new" | "changed" | "upstream" | "says so" | "evicted", "changes": [...]}``; each
        change is ``{"input", "from", "to"}``, or ``{"input"}`` for a result that is another one.
        """
        if self.classes.get(node_id) != class_type:
            return _NEW
        if self.keys[node_id] == key:
            return _EVICTED
        changes = list(_changes(self.parts[node_id], parts))
        if any("to" in change for change in changes):
            return {"why": "changed", "changes": changes}
        return {"why": "upstream", "changes": changes} if changes else _SAYS_SO


class Memory:
    """The past of the documents used last, each with at most ``limit`` nodes."""

    def __init__(self, documents: int = 32, limit: int = 200_000) -> None:
        self._pasts: OrderedDict[str, Past] = OrderedDict()
        self._documents = documents
        self._limit = limit
        self._lock = Lock()

    def past(self, document: str) -> Past:
        return self._pasts.get(document, Past())

    def remember(self, document: str, keys: Keys, classes: Mapping[str, str]) -> None:
        """Note what the nodes of a job are; those that it did not ask for stay as they were."""
        with self._lock:
            old = self._pasts.pop(document, Past())
            if len(old.keys) + len(classes) > self._limit:
                old = Past()
            self._pasts[document] = Past(
                {**old.keys, **keys.nodes}, {**old.parts, **keys.parts}, {**old.classes, **classes}
            )
            if len(self._pasts) > self._documents:
                self._pasts.popitem(last=False)


def _changes(before: Mapping[str, str], now: Mapping[str, str]) -> Any:
    for name in sorted({*before, *now} - {SALT}):
        old, new = before.get(name), now.get(name)
        if old == new:
            continue
        if old is not None and new is not None and old[0] == new[0] == ">":
            yield {"input": name}
        else:
            yield {"input": name, "from": _shown(old), "to": _shown(new)}


def _shown(part: str | None) -> str:
    """A part of a key as people read it: the constant, or that it is linked."""
    if part is None:
        return "nothing"
    if part[0] == ">":
        return "a link"
    return part[1:] if len(part) <= _MAX_SHOWN else part[1:_MAX_SHOWN] + "..."

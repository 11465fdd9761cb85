"""The values that go into and come out of an execution. No behaviour but the cancel flag's."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from engine.graph.graph import Graph


@dataclass(frozen=True, slots=True)
class Job:
    """A validated graph and the output nodes of it that are wanted."""

    prompt_id: str
    graph: Graph
    outputs: tuple[str, ...]
    extra: Mapping[str, Any] = field(default_factory=dict)


# An event for the dispatcher alone: what is left of the job needs no device, so the next may start.
DEVICE_FREE = "_device_free"


@dataclass(frozen=True, slots=True)
class Event:
    """Something to tell whoever watches; types and data are those of the websocket.

    ``blob`` is the encoded picture of a ``preview`` event.
    """

    type: str
    data: dict[str, Any]
    blob: bytes | None = None


Emit = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended.

    Attributes:
        outputs: UI data by node id, of cached nodes too.
        meta: by node id, whose output it is (``node_id``, ``display_node``, ...).
        messages: the ``execution_*`` events, ``[type, data]``, as history keeps them.
        ledger: what each node cost, and why it ran (``ledger.py``).
    """

    status: Literal["success", "error", "interrupted"]
    outputs: dict[str, Any]
    meta: dict[str, Any]
    messages: list[list[Any]]
    ledger: dict[str, Any] = field(default_factory=dict)


class Cancel:
    """A flag that one thread raises and the running job looks at."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    def is_set(self) -> bool:
        return self._event.is_set()

"""An attempt while it runs, as the server knows it, for its clients and those that come late."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.queue.job import Claim
from engine.queue.jsontext import dumps
from engine.queue.results import Result
from engine.queue.told import Told

# Characters of progress that wait to be put together: a newcomer who asks is rare.
_UNREAD = 2**20


@dataclass(frozen=True, slots=True)
class Lost:
    """An attempt that ended with its worker.

    Attributes:
        why: a sentence.
        node_id: the node that began last, if one had.
    """

    why: str
    node_id: str = ""


@dataclass(slots=True, eq=False)
class Running:
    """One attempt; owned by the dispatcher, changed only by its events and those of its worker.

    Attributes:
        ended: how its worker's part ended.
        behind: attempts for the same client that have ended, which it has not been told yet. What
            happens here is ``held`` until then, so that it hears of one after the other;
            ``numbers`` are those of the first of these events, if they are stored already.
        success: the event that says all went well, and its number, told when that is on the disk.
        device_free: what is left of it does not need the device.
        cancelled: somebody wants it to end.
    """

    claim: Claim
    ended: "asyncio.Future[Result | Lost]"
    behind: "set[Running]" = field(default_factory=set)
    held: list[Told] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    success: tuple[str, int] | None = None
    device_free: bool = False
    cancelled: bool = False
    start: Told | None = None
    executing: Told | None = None
    _progress: dict[str, Any] = field(default_factory=dict)
    _unread: list[Told] = field(default_factory=list)
    _unread_size: int = 0

    @property
    def key(self) -> tuple[str, int]:
        """What its frames carry."""
        return self.claim.id, self.claim.attempt

    def watch(self, event: Told) -> None:
        """Take note of an event of this attempt."""
        if event.type == "execution_start":
            self.start = event
        elif event.type == "executing":
            self.executing = event
        elif event.type == "progress_state":
            self._unread.append(event)
            self._unread_size += len(event.text)
            if self._unread_size > _UNREAD:
                self._read()

    def node(self, node_id: str) -> tuple[str, str]:
        """A node's id and its class, which is empty for one that is not in the prompt."""
        item = self.claim.prompt.get(node_id, {}) if node_id else {}
        return node_id, str(item.get("class_type", "")) if isinstance(item, Mapping) else ""

    def so_far(self) -> Iterator[Told]:
        """The events that tell a newcomer where this attempt is."""
        if self.start is None:
            return
        yield self.start
        self._read()
        if self._progress:
            state = {"prompt_id": self.claim.id, "nodes": self._progress}
            yield Told("progress_state", dumps(state))
        if self.executing is not None:
            yield self.executing

    def _read(self) -> None:
        # Each message carries what changed, so together they are the state.
        for event in self._unread:
            self._progress.update(event.data.get("nodes", {}))
        self._unread, self._unread_size = [], 0

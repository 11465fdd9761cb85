"""An attempt while it runs, as the server knows it, for its clients and those that come late."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.queue.job import Claim, Result


@dataclass(frozen=True, slots=True)
class Lost:
    """An attempt that ended with its worker; ``why`` is a sentence."""

    why: str


@dataclass(slots=True, eq=False)
class Running:
    """One attempt; owned by the dispatcher, changed only by its events and those of its worker.

    Attributes:
        ended: how its worker's part ended.
        behind: attempts for the same client that have ended, which it has not been told yet. What
            happens here is ``held`` until then, so that it hears of one after the other.
        success: the event that says all went well, and its number, told when that is on the disk.
        device_free: what is left of it does not need the device.
        cancelled: somebody wants it to end.
    """

    claim: Claim
    ended: "asyncio.Future[Result | Lost]"
    behind: "set[Running]" = field(default_factory=set)
    held: list[tuple[str, Mapping[str, Any], bytes]] = field(default_factory=list)
    success: tuple[Mapping[str, Any], int] | None = None
    device_free: bool = False
    cancelled: bool = False
    start: Mapping[str, Any] | None = None
    executing: Mapping[str, Any] | None = None
    progress: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, int]:
        """What its frames carry."""
        return self.claim.id, self.claim.attempt

    def watch(self, type_: str, data: Mapping[str, Any]) -> None:
        """Take note of an event of this attempt."""
        if type_ == "execution_start":
            self.start = data
        elif type_ == "executing":
            self.executing = data
        elif type_ == "progress_state":
            # Each message carries what changed, so together they are the state.
            self.progress.update(data.get("nodes", {}))

    def node(self) -> tuple[str, str]:
        """Id and class of the node that began last, or two empty strings."""
        node_id = str((self.executing or {}).get("node") or "")
        item = self.claim.prompt.get(node_id, {}) if node_id else {}
        return node_id, str(item.get("class_type", "")) if isinstance(item, Mapping) else ""

    def so_far(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The events that tell a newcomer where this attempt is."""
        if self.start is None:
            return
        yield "execution_start", self.start
        if self.progress:
            yield "progress_state", {"prompt_id": self.claim.id, "nodes": self.progress}
        if self.executing is not None:
            yield "executing", self.executing

"""What the server knows of the attempt that runs now, for clients that come late."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.queue.job import Claim, Result


@dataclass(slots=True)
class Running:
    """One attempt while it runs; owned by the dispatcher, changed only by its events."""

    claim: Claim
    result: "asyncio.Future[Result]"
    cancelled: bool = False
    start: Mapping[str, Any] | None = None
    executing: Mapping[str, Any] | None = None
    progress: dict[str, Any] = field(default_factory=dict)

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
        item = self.claim.prompt.get(node_id, {})
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

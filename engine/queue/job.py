"""A job on its way through the queue, as values. What they are stored in is ``store.py``'s."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["pending", "running", "completed", "failed", "cancelled"]
Status = Literal["success", "error", "interrupted"]
STATE_OF: Mapping[Status, State] = {
    "success": "completed",
    "error": "failed",
    "interrupted": "cancelled",
}
MAX_ATTEMPTS = 3
# Credentials that old clients send along: they never reach the disk, a node or an answer.
SECRETS = ("auth_token_comfy_org", "api_key_comfy_org")


class DuplicateJob(ValueError):
    """A prompt with this id was submitted before. The text is a sentence for the client."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A validated prompt that wants to be queued.

    Attributes:
        prompt: the graph in API format, constants converted.
        outputs: ids of the output nodes that will run.
        number: the place in the queue that the client asked for, smaller runs first.
        front: without a ``number``: before everything that waits.
    """

    id: str
    prompt: Mapping[str, Any]
    outputs: tuple[str, ...]
    extra: Mapping[str, Any]
    client_id: str | None = None
    number: float | None = None
    front: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """One attempt at one job: what a worker is given, and the fence its result must pass."""

    seq: int
    id: str
    attempt: int
    client_id: str | None
    prompt: Mapping[str, Any]
    outputs: tuple[str, ...]
    extra: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """How an attempt ended.

    Attributes:
        outputs: what each node shows, by node id.
        meta: ``{node_id, display_node, parent_node, real_node_id}`` by node id.
        messages: the ``execution_*`` events of the run, ``[type, data]`` each.
    """

    status: Status
    outputs: Mapping[str, Any]
    meta: Mapping[str, Any]
    messages: Sequence[Any]


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """Event ``n`` of the installation: numbers grow for ever, across restarts."""

    n: int
    job: int
    type: str
    data: str

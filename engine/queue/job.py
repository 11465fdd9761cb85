"""A job on its way through the queue, as values. What they are stored in is ``store.py``'s."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from engine.graph.graph import Graph
from engine.queue.body import Body
from engine.queue.results import Status

State = Literal["pending", "running", "completed", "failed", "cancelled"]
STATE_OF: Mapping[Status, State] = {
    "success": "completed",
    "error": "failed",
    "interrupted": "cancelled",
}
MAX_ATTEMPTS = 3
# How long an attempt is believed in after the last sign of life of its worker.
LEASE_MS = 15_000
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
        graph: what ``prompt`` was written from.
    """

    id: str
    prompt: Body
    outputs: tuple[str, ...]
    extra: Mapping[str, Any]
    client_id: str | None = None
    number: float | None = None
    front: bool = False
    graph: Graph | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """One attempt at one job: what a worker is given, and the fence its result must pass.

    The parts of the prompt are the JSON texts that lie in the database; the properties read them,
    each time anew. ``graph`` is the prompt as it was submitted, if that is still known.
    """

    seq: int
    id: str
    attempt: int
    client_id: str | None
    prompt_json: str = "{}"
    outputs_json: str = "[]"
    extra_json: str = "{}"
    graph: Graph | None = field(default=None, compare=False, repr=False)

    @property
    def prompt(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = json.loads(self.prompt_json)
        return found

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(json.loads(self.outputs_json))

    @property
    def extra(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = json.loads(self.extra_json)
        return found


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pending job that might be next, as far as the choice of a worker needs it.

    Attributes:
        files: the names of models, LoRAs and other files in its prompt.
        waited_ms: since it was accepted.
        explicit: its sender chose its number.
    """

    seq: int
    id: str
    client_id: str | None
    files: tuple[str, ...]
    waited_ms: int
    explicit: bool = False


# What a job would cost a worker, such as loads of models: the smallest is taken.
Score = Callable[[Candidate], float]


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """Event ``n`` of the installation: numbers grow for ever, across restarts."""

    n: int
    job: int
    type: str
    data: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A job that is in the history now.

    Attributes:
        events: the last events of the job, stored with its result, for its client to hear.
    """

    seq: int
    id: str
    client_id: str | None
    state: State
    events: tuple[StoredEvent, ...]

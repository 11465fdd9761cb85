"""A graph on its way to a worker: whole, or only what is new in it since the last one.

Both ends remember the last graph of some size that went through the pipe, by the same rule, so the
worker's nodes that did not change stay the same objects, by which its engine knows that nothing has
to be worked out again.
"""

from collections.abc import Mapping
from typing import Any

from engine.execution.job import Job
from engine.formats.api import read_prompt, write_node
from engine.graph.graph import Graph
from engine.queue.job import Claim
from engine.queue.jsontext import dumps
from engine.queue.protocol import pack_run

# Nodes of the graphs that are worth remembering: beyond, they take more memory than they save time.
_SMALL, _LARGE = 100, 50_000


class Sender:
    """The server's end of one worker's pipe."""

    def __init__(self) -> None:
        self._last: Graph | None = None

    def packed(self, claim: Claim) -> bytes:
        """The frame that hands an attempt over. They must be sent in the order of the calls."""
        graph, last = claim.graph, self._last
        changed = None if graph is None or last is None else graph.changes(last)
        if changed is None:
            part = f'"prompt":{claim.prompt_json}'
        else:
            part = f'"changed":{dumps({node.id: write_node(node) for node in changed})}'
        self._last = _kept(graph, last)
        return pack_run(claim.id, claim.attempt, claim.outputs_json, part, claim.extra_json)


class Receiver:
    """The worker's end."""

    def __init__(self) -> None:
        self._last: Graph | None = None

    def job(self, message: Mapping[str, Any]) -> Job:
        """The job in a ``run`` frame. To be called for each, in their order."""
        graph = self._graph(message)
        self._last = _kept(graph, self._last)
        return Job(str(message["job"]), graph, tuple(message["outputs"]), message["extra"])

    def _graph(self, message: Mapping[str, Any]) -> Graph:
        if "prompt" in message:
            return read_prompt(message["prompt"])
        if self._last is None:
            raise RuntimeError("The server told changes of a graph that it never sent.")
        if not message["changed"]:
            return self._last
        return Graph({**self._last.nodes, **read_prompt(message["changed"]).nodes})


def _kept(graph: Graph | None, last: Graph | None) -> Graph | None:
    """What is remembered after a graph went by; without one, as read from the disk, nothing."""
    if graph is None:
        return None
    return graph if _SMALL < len(graph) <= _LARGE else last

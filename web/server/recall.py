"""The large prompts that came last, so that the next one costs what is new in it.

Somebody who works on a graph sends it again and again with a change or two. What was read, checked
and written of an unchanged node then is taken from there.
"""

from dataclasses import dataclass

from engine.formats.api import Read, write_node
from engine.formats.reread import Members
from engine.graph.catalogue import Catalogue
from engine.graph.graph import Graph
from engine.graph.validation import Validation
from engine.queue.body import Body, Piece

# Prompts of so many nodes are checked sooner than they are compared, or than a thread begins to.
SMALL = 100
_PROMPTS = 4
_NODES = 50_000


@dataclass(frozen=True, slots=True)
class Before:
    """A prompt as it was written, what was read from it, and that checked against ``catalogue``."""

    written: Members
    read: Read
    checked: Validation
    catalogue: Catalogue


@dataclass(frozen=True, slots=True)
class _Stored:
    """A graph as it was written for the store, by node."""

    graph: Graph
    pieces: dict[str, Piece]
    body: Body


class Recall:
    """A few prompts of at most ``nodes`` nodes together, and the last one as it was stored."""

    def __init__(self, nodes: int = _NODES) -> None:
        self._nodes = nodes
        self._kept: list[Before] = []
        self._stored = _Stored(Graph({}), {}, Body.of({}))

    def like(self, text: str) -> Before | None:
        """What to compare a text with: the last prompt with a node that is in it, or the last."""
        same = (one for one in reversed(self._kept) if _middle(one.written) in text)
        return next(same, self._kept[-1] if self._kept else None)

    def keep(self, now: Before) -> None:
        """Remember a prompt in place of the one with the same nodes, and of the oldest."""
        data = now.read.data
        if not SMALL < len(data) <= self._nodes:
            return
        others = (
            one
            for one in self._kept
            if one.catalogue is now.catalogue and one.read.data.keys() != data.keys()
        )
        self._kept = [*others, now][-_PROMPTS:]
        while sum(len(one.read.data) for one in self._kept) > self._nodes:
            del self._kept[0]

    def write(self, graph: Graph) -> Body:
        """A checked graph as it is stored. May be called by any thread."""
        before = self._stored
        if graph is before.graph:
            return before.body
        old, pieces = before.graph.nodes, {}
        for node_id, node in graph.nodes.items():
            same = old.get(node_id) is node
            pieces[node_id] = (
                before.pieces[node_id] if same else Piece.of(node_id, write_node(node))
            )
        body = Body.joined(pieces.values())
        if SMALL < len(pieces) <= self._nodes:
            self._stored = _Stored(graph, pieces, body)
        return body


def _middle(written: Members) -> str:
    return written.texts[len(written.texts) // 2]

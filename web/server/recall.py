"""The large prompts that came last, so that the next one costs what is new in it.

Somebody who works on a graph sends it again and again with a change or two. What was read, checked
and written of an unchanged node then is taken from there.
"""

from dataclasses import dataclass
from typing import Any

from engine.formats.api import Read, write_node
from engine.graph.catalogue import Catalogue
from engine.graph.graph import Graph, Node
from engine.graph.validation import Validation
from engine.queue.body import Body, Piece

# Prompts of so many nodes are checked sooner than they are compared, or than a thread begins to.
SMALL = 100
_PROMPTS = 4
_NODES = 50_000


@dataclass(frozen=True, slots=True)
class Before:
    """A prompt that was checked against ``catalogue``."""

    read: Read
    checked: Validation
    catalogue: Catalogue


class Recall:
    """A few prompts of at most ``nodes`` nodes together, and the last one as it was written."""

    def __init__(self, nodes: int = _NODES) -> None:
        self._nodes = nodes
        self._kept: list[Before] = []
        self._pieces: dict[str, tuple[Node, Piece]] = {}

    def like(self, prompt: Any, catalogue: Catalogue) -> Before | None:
        """What to compare a prompt with: the last one of the same nodes, or else the last one."""
        if not isinstance(prompt, dict) or len(prompt) <= SMALL:
            return None
        known = [one for one in reversed(self._kept) if one.catalogue is catalogue]
        same = (one for one in known if one.read.data.keys() == prompt.keys())
        return next(same, known[0] if known else None)

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
        before, pieces = self._pieces, {}
        for node_id, node in graph.nodes.items():
            known = before.get(node_id)
            if known is None or known[0] is not node:
                known = node, Piece.of(node_id, write_node(node))
            pieces[node_id] = known
        if SMALL < len(pieces) <= self._nodes:
            self._pieces = pieces
        return Body.joined(piece for _, piece in pieces.values())

"""What was found out about the graph of the last job, for the next one, which is often like it."""

from dataclasses import dataclass, field

from engine.graph.graph import Graph
from engine.graph.keys import Keys


@dataclass(frozen=True, slots=True)
class Asked:
    """The graph of a job, and what it took to know of it before anything could run.

    Attributes:
        needed: the nodes that ``outputs`` need, sources first.
        keys: of these nodes, and of those that they expanded into.
    """

    graph: Graph = field(default_factory=lambda: Graph({}))
    outputs: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    keys: Keys = field(default_factory=Keys)

    def order(self, graph: Graph, outputs: tuple[str, ...]) -> tuple[str, ...]:
        """``Graph.needed`` of another graph: the same as here if only constants are others."""
        changed = graph.changes(self.graph) if outputs == self.outputs else None
        old = self.graph.nodes
        if changed is None or any(node.sources != old[node.id].sources for node in changed):
            return tuple(graph.needed(outputs))
        return self.needed

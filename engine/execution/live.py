"""The graph of a running job: the submitted nodes and those that nodes have put in their place."""

from collections.abc import Sequence

from engine.graph.catalogue import Catalogue
from engine.graph.definition import Expansion, NodeError
from engine.graph.graph import Graph, Link, Node


class Live:
    """The engine's side of ``engine.graph.run.LiveGraph``. Grows only, in the job's own thread."""

    def __init__(self, graph: Graph) -> None:
        self.submitted = graph
        self.nodes: dict[str, Node] = dict(graph.nodes)
        self._parents: dict[str, str] = {}
        self._shown_as: dict[str, str] = {}
        self._copied: dict[str, str] = {}

    def ids(self) -> Sequence[str]:
        return list(self.nodes)

    def node(self, node_id: str) -> Node:
        return self.nodes[node_id]

    def parent(self, node_id: str) -> str | None:
        return self._parents.get(node_id)

    def display(self, node_id: str) -> str:
        while node_id in self._parents and node_id not in self._shown_as:
            node_id = self._origin(node_id)
        return self._shown_as.get(node_id, node_id)

    def real(self, node_id: str) -> str:
        while node_id in self._parents:
            node_id = self._origin(node_id)
        return node_id

    def expand(self, parent: str, expansion: Expansion, catalogue: Catalogue) -> None:
        """Add the nodes that ``parent`` puts in its place.

        Raises:
            NodeError: an id that exists already, an unknown class, a link that leads nowhere.
        """
        who = f"{self.nodes[parent].class_type} (node {parent}) expanded into"
        for node_id, node in expansion.nodes.items():
            if node_id in self.nodes:
                raise NodeError(f"{who} a node '{node_id}', but there is one of that name already.")
            if node.class_type not in catalogue:
                raise NodeError(f"{who} a '{node.class_type}', which is not installed.")
            for name, link in node.links():
                if link.node not in expansion.nodes and link.node not in self.nodes:
                    raise NodeError(
                        f"{who} '{node_id}', whose input '{name}' is linked to node "
                        f"'{link.node}', which does not exist."
                    )
        self.nodes.update(expansion.nodes)
        self._parents.update(dict.fromkeys(expansion.nodes, parent))
        self._shown_as.update(expansion.display)
        self._copied.update(expansion.copies)

    def identity(self, node_id: str) -> dict[str, str | None]:
        """``meta`` of the history: whose output this is."""
        if node_id not in self._parents:
            return {
                "node_id": node_id,
                "display_node": node_id,
                "parent_node": None,
                "real_node_id": node_id,
            }
        return {
            "node_id": node_id,
            "display_node": self.display(node_id),
            "parent_node": self.parent(node_id),
            "real_node_id": self.real(node_id),
        }

    def _origin(self, node_id: str) -> str:
        """The node that an expanded one is a copy of, or else the one that expanded into it."""
        return self._copied.get(node_id, self._parents[node_id])

    def check_result(self, parent: str, link: Link) -> None:
        """Raises NodeError unless an expanded node's result leads to a node that exists."""
        if link.node not in self.nodes:
            name = self.nodes[parent].class_type
            raise NodeError(
                f"{name} (node {parent}) gives as its result an output of node '{link.node}', "
                "which is not in its expansion."
            )

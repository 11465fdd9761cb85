"""``comfy_execution.graph_utils``: building the small graph that a node puts in its place."""

from collections.abc import Iterable, Mapping
from typing import Any

from engine.compat.context import current
from engine.formats.api import is_link

__all__ = ["GraphBuilder", "Node", "add_graph_prefix", "is_link"]


class Node:
    """A node of a graph that is being built."""

    def __init__(self, id: str, class_type: str, inputs: Mapping[str, Any]) -> None:
        self.id = id
        self.class_type = class_type
        self.inputs = dict(inputs)
        self.override_display_id: str | None = None

    def out(self, index: int) -> list[Any]:
        """A link to the output ``index``."""
        return [self.id, index]

    def set_input(self, key: str, value: Any) -> None:
        """None takes the input away."""
        if value is None:
            self.inputs.pop(key, None)
        else:
            self.inputs[key] = value

    def get_input(self, key: str) -> Any:
        return self.inputs.get(key)

    def set_override_display_id(self, override_display_id: str) -> None:
        self.override_display_id = override_display_id

    def serialize(self) -> dict[str, Any]:
        """The node in API format."""
        written = {"class_type": self.class_type, "inputs": self.inputs}
        if self.override_display_id is None:
            return written
        return {**written, "override_display_id": self.override_display_id}


class GraphBuilder:
    """A graph whose ids are new in the prompt, and the same when the node runs again.

    They begin with ``prefix``, by default with the id of the running node, the number of its call
    and the number of the graph in it.
    """

    def __init__(self, prefix: str | None = None) -> None:
        self.prefix = _default_prefix() if prefix is None else prefix
        self.nodes: dict[str, Node] = {}
        self._next = 1

    def node(self, class_type: str, id: str | None = None, **inputs: Any) -> Node:
        """A new node; for an id that was given before, that node."""
        if id is None:
            id = str(self._next)
            self._next += 1
        full = self.prefix + id
        if full not in self.nodes:
            self.nodes[full] = Node(full, class_type, inputs)
        return self.nodes[full]

    def lookup_node(self, id: str) -> Node | None:
        return self.nodes.get(self._full(id))

    def replace_node_output(self, node_id: str, index: int, new_value: Any) -> None:
        """Give ``new_value`` to all that is linked to this output; None unlinks it."""
        old = [self._full(node_id), index]
        for node in self.nodes.values():
            for key in [key for key, value in node.inputs.items() if _same_link(value, old)]:
                node.set_input(key, new_value)

    def remove_node(self, id: str) -> None:
        """Raises KeyError."""
        del self.nodes[self._full(id)]

    def finalize(self) -> dict[str, dict[str, Any]]:
        """The graph in API format."""
        return {id: node.serialize() for id, node in self.nodes.items()}

    def _full(self, id: str) -> str:
        """Nodes are named with their prefix and without."""
        return id if id in self.nodes else self.prefix + id


def add_graph_prefix(
    graph: Mapping[str, Mapping[str, Any]], outputs: Iterable[Any], prefix: str
) -> tuple[dict[str, dict[str, Any]], tuple[Any, ...]]:
    """The graph with ``prefix`` before every id and every link inside it, and its outputs."""

    def renamed(value: Any) -> Any:
        inside = is_link(value) and value[0] in graph
        return [prefix + value[0], value[1]] if inside else value

    nodes = {
        prefix + id: {
            **node,
            "inputs": {key: renamed(value) for key, value in node.get("inputs", {}).items()},
        }
        for id, node in graph.items()
    }
    return nodes, tuple(renamed(value) for value in outputs)


def _same_link(value: Any, link: list[Any]) -> bool:
    return is_link(value) and bool(value == link)


def _default_prefix() -> str:
    call = current()
    if call is None:
        return ""
    return f"{call.run.node_id}.{call.run.list_index}.{next(call.graphs)}."

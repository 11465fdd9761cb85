"""The API format: ``{"3": {"class_type": ..., "inputs": {...}}}``, read into and from a Graph."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.graph.graph import Graph, Link, Node

# Also false for NaN and infinity: such a list stays a malformed link for validation to name.
_MAX_SLOT = 2**31


class PromptError(ValueError):
    """A prompt that is no graph at all. ``node`` is the id of the node at fault, if one is."""

    def __init__(self, message: str, node: str | None = None) -> None:
        super().__init__(message)
        self.node = node


@dataclass(frozen=True, slots=True)
class Read:
    """A prompt and the graph that was read from it."""

    data: Mapping[str, Any]
    graph: Graph

    @classmethod
    def of(cls, data: Any, before: "Read | None" = None) -> "Read":
        """What ``read_prompt`` reads, to be compared with later ones. Raises as it does."""
        if before is not None and data is before.data:
            return before
        return cls(data, read_prompt(data, before))


def read_prompt(data: Any, before: Read | None = None) -> Graph:
    """The graph in an API prompt. Nodes without a class come out with ``class_type == ""``.

    A node that is the same object as ``before`` (``reread.py``) is taken from there: it is the same
    ``Node``, by which later steps know that nothing has to be worked out again.

    Raises:
        PromptError: not an object of objects, or ``inputs`` that is no object.
    """
    if not isinstance(data, Mapping):
        raise PromptError("The prompt is not a JSON object of nodes.")
    if before is None:
        return Graph({node_id: _read_node(node_id, item) for node_id, item in data.items()})
    old, known = before.data, before.graph.nodes
    return Graph(
        {
            node_id: known[node_id] if old.get(node_id) is item else _read_node(node_id, item)
            for node_id, item in data.items()
        }
    )


def write_prompt(graph: Graph) -> dict[str, Any]:
    """The API format of a graph; ``read_prompt`` of it gives an equal graph."""
    return {node.id: write_node(node) for node in graph.nodes.values()}


def is_link(value: Any) -> bool:
    """Whether a JSON value is a link: a list of exactly a node id and a slot number."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], (int, float))
        and not isinstance(value[1], bool)
    )


def _read_node(node_id: str, item: Any) -> Node:
    if not isinstance(item, Mapping):
        raise PromptError(f"Node '{node_id}' is not a JSON object.", node_id)
    inputs = item.get("inputs", {})
    if not isinstance(inputs, Mapping):
        raise PromptError(f"The inputs of node '{node_id}' are not a JSON object.", node_id)
    class_type = item.get("class_type")
    meta = item.get("_meta")
    title = meta.get("title") if isinstance(meta, Mapping) else None
    return Node(
        node_id,
        class_type if isinstance(class_type, str) else "",
        {name: _read_value(value) for name, value in inputs.items()},
        title if isinstance(title, str) else "",
    )


def _read_value(value: Any) -> Any:
    if is_link(value):
        slot = value[1]
        return Link(value[0], int(slot)) if abs(slot) < _MAX_SLOT else value
    if isinstance(value, Mapping) and "__value__" in value:
        inner = value["__value__"]
        return tuple(inner) if isinstance(inner, list) else inner
    return value


def write_node(node: Node) -> dict[str, Any]:
    """One node of a prompt in API format."""
    written: dict[str, Any] = {
        "class_type": node.class_type,
        "inputs": {name: _write_value(value) for name, value in node.inputs.items()},
    }
    if node.title:
        written["_meta"] = {"title": node.title}
    return written


def _write_value(value: Any) -> Any:
    if isinstance(value, Link):
        return [value.node, value.slot]
    if isinstance(value, tuple):
        return {"__value__": list(value)}
    return value

"""What the function of a pack's node may return, as ``Returned``."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.compat.comfy_execution.graph import ExecutionBlocker
from engine.formats.api import PromptError, is_link, read_prompt
from engine.graph.definition import Blocker, Expansion, NodeError, Returned
from engine.graph.graph import Link, Node
from engine.graph.spec import NodeSpec, OutputSpec


def read_returned(spec: NodeSpec, result: Any) -> Returned:
    """A tuple, a dict of ``result``, ``ui`` and ``expand``, a blocker, or nothing.

    Values that are missing are None.

    Raises:
        NodeError: something else.
    """
    if not isinstance(result, Mapping):
        return Returned(_values(spec, result, links=False))
    expand = result.get("expand")
    values = result.get("result")
    return Returned(
        _values(spec, () if values is None else values, links=expand is not None),
        read_ui(spec, result.get("ui")),
        None if expand is None else _expansion(spec, expand),
    )


def blocked(spec: NodeSpec, message: str | None) -> Returned:
    """All outputs blocked."""
    return Returned(tuple(Blocker(message) for _ in spec.outputs))


def read_ui(spec: NodeSpec, ui: Any) -> Mapping[str, Sequence[Any]] | None:
    """What is shown on the node: lists by kind, or an object that can say them."""
    if ui is None:
        return None
    shown = ui.as_dict() if hasattr(ui, "as_dict") else ui
    if not isinstance(shown, Mapping):
        raise NodeError(f"{spec.class_type}: 'ui' must be a dictionary of lists.")
    return {
        str(kind): list(items) if isinstance(items, (list, tuple)) else [items]
        for kind, items in shown.items()
    }


def _values(spec: NodeSpec, result: Any, *, links: bool) -> tuple[Any, ...]:
    if isinstance(result, ExecutionBlocker):
        return blocked(spec, result.message).values
    if result is None and not spec.outputs:
        return ()
    if not isinstance(result, (tuple, list)):
        raise NodeError(
            f"{spec.class_type} must return a tuple of its {len(spec.outputs)} outputs, or a "
            f"dictionary of 'result' and 'ui', but returned a {type(result).__name__}."
        )
    count = len(spec.outputs) if spec.further is None else max(len(spec.outputs), len(result))
    padded = [*result, *[None] * (count - len(result))][:count]
    return tuple(
        _value(spec, spec.output(slot), value, links=links) for slot, value in enumerate(padded)
    )


def _value(spec: NodeSpec, output: OutputSpec | None, value: Any, *, links: bool) -> Any:
    if isinstance(value, ExecutionBlocker):
        return Blocker(value.message)
    if links and is_link(value):
        return Link(value[0], int(value[1]))
    if output is None or not output.is_list:
        return value
    if value is None:
        return [None]
    if isinstance(value, (str, bytes, Mapping)) or not hasattr(value, "__iter__"):
        raise NodeError(
            f"{spec.class_type} declares its output '{output.name}' to be a list, but returned a "
            f"{type(value).__name__}."
        )
    return [Blocker(one.message) if isinstance(one, ExecutionBlocker) else one for one in value]


def _expansion(spec: NodeSpec, expand: Any) -> Expansion:
    try:
        graph = read_prompt(expand)
    except PromptError as error:
        raise NodeError(f"{spec.class_type} returned an expansion that is no graph: {error}") from (
            error
        )
    nodes = {node_id: _constants(node) for node_id, node in graph.nodes.items()}
    display = {
        node_id: str(written["override_display_id"])
        for node_id, written in expand.items()
        if written.get("override_display_id") is not None
    }
    return Expansion(nodes, display)


def _constants(node: Node) -> Node:
    """A list that is no link is a constant here; nobody could have wrapped it."""
    inputs = {n: tuple(v) if isinstance(v, list) else v for n, v in node.inputs.items()}
    return Node(node.id, node.class_type, inputs, node.title)

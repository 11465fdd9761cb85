"""Checking a graph against the catalogue before it is queued: all problems in one answer.

Nothing here recurses, so a chain of any length is checked.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from engine.files.folders import Folders
from engine.graph import problems
from engine.graph.catalogue import Catalogue
from engine.graph.convert import convert
from engine.graph.graph import Graph, Link, Node
from engine.graph.problems import Problem
from engine.graph.spec import InputSpec
from engine.graph.types import compatible

MAX_NODES = 50_000
_MAX_LISTED = 1000


@dataclass(frozen=True, slots=True)
class Validation:
    """The outcome: either ``error`` says why the prompt is refused, or ``outputs`` may run.

    Attributes:
        graph: the graph with its constants converted and its aliases resolved.
        outputs: the output nodes that may run, in the order of the prompt.
        node_errors: by node id, ``{"errors", "dependent_outputs", "class_type"}``; in an accepted
            prompt these belong to outputs that will not run.
    """

    graph: Graph
    outputs: tuple[str, ...] = ()
    error: Problem | None = None
    node_errors: dict[str, Any] = field(default_factory=dict)


def validate(
    graph: Graph,
    catalogue: Catalogue,
    folders: Folders,
    targets: Iterable[str] | None = None,
    max_nodes: int = MAX_NODES,
) -> Validation:
    """Check ``graph``; ``targets`` restricts the run to some of its output nodes."""
    if len(graph) > max_nodes:
        return Validation(graph, error=_too_large(len(graph), max_nodes))
    missing = [_missing(node) for node in graph.nodes.values() if node.class_type not in catalogue]
    if missing:
        return Validation(graph, error=problems.missing_node_type(missing))
    outputs = _outputs(graph, catalogue, targets)
    if not outputs:
        return Validation(graph, error=Problem("prompt_no_outputs", "Prompt has no outputs"))
    order = graph.needed(outputs)
    checked = {i: _check_node(graph.nodes[i], graph, catalogue, folders) for i in order}
    errors = {i: found for i, (_, found) in checked.items() if found}
    loop = graph.cycle(outputs)
    if loop:
        classes = {i: graph.nodes[i].class_type for i in loop}
        errors.setdefault(loop[0], []).append(problems.dependency_cycle(loop, classes))
    graph = Graph({**graph.nodes, **{i: node for i, (node, _) in checked.items()}})
    bad = _poisoned(graph, order, errors)
    good = tuple(i for i in outputs if i not in bad)
    node_errors = _node_errors(graph, order, errors, outputs)
    if good:
        return Validation(graph, good, node_errors=node_errors)
    return Validation(graph, error=_all_failed(outputs, errors, loop), node_errors=node_errors)


def _too_large(count: int, limit: int) -> Problem:
    return Problem(
        "invalid_prompt",
        f"The prompt has {count:,} nodes; this server accepts at most {limit:,}",
        "Split the graph into several prompts.",
        {"nodes": count, "limit": limit},
    )


def _missing(node: Node) -> dict[str, Any]:
    return {
        "node_id": node.id,
        "class_type": node.class_type or None,
        "node_title": node.title or node.class_type or f"#{node.id}",
    }


def _outputs(graph: Graph, catalogue: Catalogue, targets: Iterable[str] | None) -> tuple[str, ...]:
    wanted = None if targets is None else set(targets)
    return tuple(
        node.id
        for node in graph.nodes.values()
        if catalogue[node.class_type].is_output and (wanted is None or node.id in wanted)
    )


def _check_node(
    node: Node, graph: Graph, catalogue: Catalogue, folders: Folders
) -> tuple[Node, list[Problem]]:
    """The node with its constants converted, and its own problems."""
    spec = catalogue[node.class_type]
    inputs = dict(node.inputs)
    found: list[Problem] = []
    for item in spec.inputs:
        if item.name not in inputs:
            if item.required:
                found.append(problems.required_input_missing(item))
            continue
        value = inputs[item.name]
        if isinstance(value, Link):
            problem = _check_link(item, value, graph, catalogue)
        elif isinstance(value, list):
            problem = problems.bad_linked_input(item, value[:20])
        else:
            inputs[item.name], problem = convert(item, value, folders)
        if problem:
            found.append(problem)
    return replace(node, class_type=spec.class_type, inputs=inputs), found


def _check_link(item: InputSpec, link: Link, graph: Graph, catalogue: Catalogue) -> Problem | None:
    linked = [link.node, link.slot]
    if link.node not in graph.nodes:
        return problems.link_to_nowhere(item, linked, f"node '{link.node}' is not in the prompt")
    source = catalogue[graph.nodes[link.node].class_type]
    if not 0 <= link.slot < len(source.outputs):
        why = f"node '{link.node}' ({source.class_type}) has {len(source.outputs)} outputs, "
        return problems.link_to_nowhere(item, linked, why + f"so there is no output {link.slot}")
    received = source.outputs[link.slot].type
    if not compatible(received, item.type):
        return problems.return_type_mismatch(item, received, linked)
    return None


def _poisoned(graph: Graph, order: list[str], errors: dict[str, list[Problem]]) -> set[str]:
    """Nodes with problems of their own and all that depend on one."""
    bad = set(errors)
    stack = list(errors)
    consumers = _consumers(graph, order)
    while stack:
        for consumer in consumers.get(stack.pop(), ()):
            if consumer not in bad:
                bad.add(consumer)
                stack.append(consumer)
    return bad


def _consumers(graph: Graph, order: list[str]) -> dict[str, list[str]]:
    consumers: dict[str, list[str]] = {}
    for node_id in order:
        for _, link in graph.nodes[node_id].links():
            consumers.setdefault(link.node, []).append(node_id)
    return consumers


def _node_errors(
    graph: Graph,
    order: list[str],
    errors: dict[str, list[Problem]],
    outputs: tuple[str, ...],
) -> dict[str, Any]:
    listed = outputs[:_MAX_LISTED]
    reach = _reach(graph, order, listed)
    return {
        node_id: {
            "errors": [problem.to_json() for problem in found],
            "dependent_outputs": [o for bit, o in enumerate(listed) if reach[node_id] >> bit & 1],
            "class_type": graph.nodes[node_id].class_type,
        }
        for node_id, found in list(errors.items())[:_MAX_LISTED]
    }


def _reach(graph: Graph, order: list[str], outputs: tuple[str, ...]) -> dict[str, int]:
    """For each node the set of outputs that depend on it, as bits: one pass against the flow."""
    reach = dict.fromkeys(order, 0)
    for bit, output in enumerate(outputs):
        reach[output] |= 1 << bit
    for node_id in reversed(order):
        for _, link in graph.nodes[node_id].links():
            if link.node in reach:
                reach[link.node] |= reach[node_id]
    return reach


def _all_failed(
    outputs: tuple[str, ...], errors: dict[str, list[Problem]], loop: tuple[str, ...]
) -> Problem:
    if loop:
        return errors[loop[0]][-1]
    lines = [f"{p.message}: {p.details}" for i in outputs for p in errors.get(i, ())]
    return Problem(
        "prompt_outputs_failed_validation", "Prompt outputs failed validation", "\n".join(lines)
    )

"""Checking a graph against the catalogue before it is queued: all problems in one answer.

Nothing here recurses, so a chain of any length is checked.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from engine.files.folders import Folders
from engine.graph import problems
from engine.graph.catalogue import Catalogue
from engine.graph.graph import Graph, Node
from engine.graph.loops import end_in_cycle, find_loops
from engine.graph.node_check import NodeChecker
from engine.graph.problems import Problem

MAX_NODES = 200_000
_MAX_LISTED = 1000


@dataclass(frozen=True, slots=True)
class Validation:
    """The outcome: either ``error`` says why the prompt is refused, or ``outputs`` may run.

    Attributes:
        submitted: the graph as it came.
        graph: the graph with its constants converted and its aliases resolved.
        outputs: the output nodes that may run, in the order of the prompt.
        node_errors: by node id, ``{"errors", "dependent_outputs", "class_type"}``; in an accepted
            prompt these belong to outputs that will not run.
        sound: the checked nodes that have no problems of their own.
        targets: the only outputs that were to run, if not all.
        order: the nodes that ``outputs`` need, sources first; empty if anything is wrong.
    """

    submitted: Graph
    graph: Graph
    outputs: tuple[str, ...] = ()
    error: Problem | None = None
    node_errors: dict[str, Any] = field(default_factory=dict)
    sound: Mapping[str, Node] = field(default_factory=dict)
    targets: frozenset[str] | None = None
    order: Sequence[str] = ()


def validate(
    graph: Graph,
    catalogue: Catalogue,
    folders: Folders,
    targets: Iterable[str] | None = None,
    max_nodes: int = MAX_NODES,
    extra: Mapping[str, Sequence[Problem]] = MappingProxyType({}),
    before: Validation | None = None,
) -> Validation:
    """Check ``graph``; ``targets`` restricts the run to some of its output nodes.

    ``extra``: by node id, what the nodes themselves found wrong (``checks.custom_problems``).
    ``before``: a validation against the same catalogue; nodes that are the same objects as there
    (``read_prompt``), fed by the same classes, are not checked again.
    """
    if len(graph) > max_nodes:
        return Validation(graph, graph, error=_too_large(len(graph), max_nodes))
    targets = None if targets is None else frozenset(targets)
    if before is not None and not extra:
        again = _again(graph, catalogue, folders, targets, before)
        if again is not None:
            return again
    known = catalogue.names
    missing = [_missing(node) for node in graph.nodes.values() if node.class_type not in known]
    if missing:
        return Validation(graph, graph, error=problems.missing_node_type(missing))
    outputs = _outputs(graph, catalogue, targets)
    if not outputs:
        problem = Problem("prompt_no_outputs", "Prompt has no outputs")
        return Validation(graph, graph, error=problem)
    order = graph.needed(outputs)
    checked, errors, acyclic = _check_nodes(graph, order, catalogue, folders, before)
    submitted, graph = graph, Graph({**graph.nodes, **checked})
    cycle = {} if acyclic else _cycle(graph, outputs, catalogue)
    loops, unsound = ((), cycle) if cycle else find_loops(graph, order, catalogue.loops)
    for node_id, found in (*unsound.items(), *extra.items()):
        if node_id in checked:
            errors.setdefault(node_id, []).extend(found)
    # What lies in a loop's body runs as a part of the loop, once a round.
    inside = {node_id for loop in loops for node_id in loop.body}
    if not errors:
        outputs = tuple(i for i in outputs if i not in inside)
        return Validation(submitted, graph, outputs, sound=checked, targets=targets, order=order)
    bad = _poisoned(graph, order, errors)
    good = tuple(i for i in outputs if i not in bad | inside)
    node_errors = _node_errors(graph, order, errors, outputs)
    if good:
        return Validation(submitted, graph, good, node_errors=node_errors)
    error = _all_failed(outputs, errors, cycle)
    return Validation(submitted, graph, error=error, node_errors=node_errors)


def _check_nodes(
    graph: Graph,
    order: list[str],
    catalogue: Catalogue,
    folders: Folders,
    before: Validation | None,
) -> tuple[dict[str, Node], dict[str, list[Problem]], bool]:
    """The nodes with their constants converted, their problems, and whether there is no cycle."""
    checker = NodeChecker(graph, catalogue, folders)
    known = _sound(before, graph, catalogue)
    checked: dict[str, Node] = {}
    errors: dict[str, list[Problem]] = {}
    acyclic = True
    for node_id in order:
        node = graph.nodes[node_id]
        for source in node.sources:
            # Sources come first, unless they depend on the node themselves.
            if source not in checked and source in graph.nodes:
                acyclic = False
        if node_id in known:
            checked[node_id] = known[node_id]
            continue
        checked[node_id], found = checker.check(node)
        if found:
            errors[node_id] = found
    return checked, errors, acyclic


def _again(
    graph: Graph,
    catalogue: Catalogue,
    folders: Folders,
    targets: frozenset[str] | None,
    before: Validation,
) -> Validation | None:
    """What ``validate`` says of a graph that differs from one without problems in constants only:
    what is new is checked, and what may be judged otherwise by now. None if it is not of that kind,
    or has problems.
    """
    if not before.order or targets != before.targets:
        return None
    changed, old = graph.changes(before.submitted), before.submitted.nodes
    if changed is None or any(_shape(node) != _shape(old[node.id]) for node in changed):
        return None
    needed, nodes = before.sound, {node.id: node for node in changed}
    classes = {node.class_type for node in needed.values()}
    if not classes.isdisjoint(catalogue.loops):
        return None
    unsteady = classes - catalogue.steady
    doubtful = [node_id for node_id, node in needed.items() if node.class_type in unsteady]
    checker = NodeChecker(graph, catalogue, folders)
    for node_id in dict.fromkeys((*nodes, *doubtful) if doubtful else nodes):
        if node_id not in needed:
            continue
        node, found = checker.check(graph.nodes[node_id])
        if found:
            return None
        if node_id in nodes or node != needed[node_id]:
            nodes[node_id] = node
    if not nodes:
        return replace(before, submitted=graph)
    sound = {**needed, **{i: node for i, node in nodes.items() if i in needed}}
    checked = Graph({**before.graph.nodes, **nodes})
    return replace(before, submitted=graph, graph=checked, sound=sound)


def _shape(node: Node) -> tuple[str, tuple[str, ...], list[str]]:
    return node.class_type, node.sources, list(node.inputs)


def _sound(before: Validation | None, graph: Graph, catalogue: Catalogue) -> Mapping[str, Node]:
    """Nodes that were found right before and could not be found otherwise now, as checked then."""
    if before is None:
        return {}
    old, steady = before.submitted.nodes, catalogue.steady
    # Nodes that came, went or became another class: what is linked to them is checked again.
    moved = {
        node_id
        for node_id, node in graph.nodes.items()
        if node_id not in old or old[node_id].class_type != node.class_type
    }
    moved |= old.keys() - graph.nodes.keys()
    return {
        node_id: node
        for node_id, node in before.sound.items()
        if graph.nodes.get(node_id) is old[node_id]
        and node.class_type in steady
        and moved.isdisjoint(old[node_id].sources)
    }


def _cycle(
    graph: Graph, outputs: tuple[str, ...], catalogue: Catalogue
) -> dict[str, list[Problem]]:
    """A cycle that the outputs depend on, as a problem of one of its nodes."""
    cycle = graph.cycle(outputs)
    if not cycle:
        return {}
    at_end = end_in_cycle(graph, cycle, catalogue)
    if at_end is not None:
        return {at_end[0]: [at_end[1]]}
    classes = {i: graph.nodes[i].class_type for i in cycle}
    return {cycle[0]: [problems.dependency_cycle(cycle, classes)]}


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


def _outputs(graph: Graph, catalogue: Catalogue, wanted: frozenset[str] | None) -> tuple[str, ...]:
    return tuple(
        node.id
        for node in graph.nodes.values()
        if node.class_type in catalogue.outputs and (wanted is None or node.id in wanted)
    )


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
        for source in graph.nodes[node_id].sources:
            consumers.setdefault(source, []).append(node_id)
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
        for source in graph.nodes[node_id].sources:
            if source in reach:
                reach[source] |= reach[node_id]
    return reach


def _all_failed(
    outputs: tuple[str, ...],
    errors: Mapping[str, list[Problem]],
    cycle: Mapping[str, list[Problem]],
) -> Problem:
    for problem in (problem for found in cycle.values() for problem in found):
        if problem.type == "dependency_cycle":
            return problem
    lines = [f"{p.message}: {p.details}" for i in outputs for p in errors.get(i, ())]
    return Problem(
        "prompt_outputs_failed_validation", "Prompt outputs failed validation", "\n".join(lines)
    )

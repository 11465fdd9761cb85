"""What only the node classes themselves can check (VALIDATE_INPUTS): asked of a worker.

The server validates first, then asks a worker for ``custom_problems`` when ``needs_worker``, and
validates again with the answer as ``extra``.
"""

import asyncio
import inspect
import traceback
from collections.abc import Awaitable, Collection, Iterable, Mapping

from engine.graph import problems
from engine.graph.catalogue import Catalogue
from engine.graph.definition import Definition
from engine.graph.dynamic import declared
from engine.graph.graph import Graph, Link, Node
from engine.graph.problems import Problem
from engine.graph.registry import Registry
from engine.graph.spec import NodeSpec
from engine.graph.validation import Validation

_MAX_LINES = 50
Found = Iterable[tuple[str, str]]


def needs_worker(graph: Graph, outputs: Iterable[str], catalogue: Catalogue) -> bool:
    """Whether any node that ``outputs`` need checks its own inputs."""
    used = {node.class_type for node in graph.nodes.values()}
    checking = {name for name in used if _has_check(catalogue[name])}
    return bool(checking) and any(
        graph.nodes[node_id].class_type in checking for node_id in graph.needed(outputs)
    )


def may_be_stale(checked: Validation, catalogue: Catalogue) -> bool:
    """Whether a value was refused because it is not in a list that may have changed since.

    The server then asks a worker what its classes say now, and validates again.
    """
    return any(
        error["type"] == "value_not_in_list" and catalogue[found["class_type"]].changing
        for found in checked.node_errors.values()
        for error in found["errors"]
    )


def custom_problems(
    graph: Graph, outputs: Iterable[str], registry: Registry, skip: Collection[str] = ()
) -> dict[str, list[Problem]]:
    """The problems that the needed nodes find themselves, by node id. Blocks its thread.

    ``graph`` has its constants converted; ``skip`` names the nodes that are known to be wrong:
    their own check would only stumble over that. A check that raises is a problem, too.
    """
    return asyncio.run(_all_problems(graph, outputs, registry, skip))


def _has_check(spec: NodeSpec) -> bool:
    return bool(spec.validates) or spec.validates_types


async def _all_problems(
    graph: Graph, outputs: Iterable[str], registry: Registry, skip: Collection[str]
) -> dict[str, list[Problem]]:
    found: dict[str, list[Problem]] = {}
    for node_id in graph.needed(outputs):
        definition = registry[graph.nodes[node_id].class_type]
        if definition.check is not None and node_id not in skip:
            listed = await _problems(definition, graph.nodes[node_id], graph, registry.catalogue)
            if listed:
                found[node_id] = listed
    return found


async def _problems(
    definition: Definition, node: Node, graph: Graph, catalogue: Catalogue
) -> list[Problem]:
    known = {item.name for item in declared(definition.spec, node.inputs)}
    inputs = {
        name: None if isinstance(value, Link) else value
        for name, value in node.inputs.items()
        if name in known or definition.spec.undeclared != "drop"
    }
    types = linked_types(node, graph, catalogue)
    try:
        listed = [] if definition.check is None else await _now(definition.check(inputs, types))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a pack's own code
        return [
            problems.exception_during_validation(
                error, traceback.format_exc().splitlines()[-_MAX_LINES:]
            )
        ]
    return [problems.custom_validation_failed(name, why) for name, why in listed]


async def _now(result: Found | Awaitable[Found]) -> list[tuple[str, str]]:
    return list(await result if inspect.isawaitable(result) else result)


def linked_types(node: Node, graph: Graph, catalogue: Catalogue) -> Mapping[str, str]:
    """By input, the type of the output that is linked to it."""
    found: dict[str, str] = {}
    for name, link in node.links():
        source = graph.nodes.get(link.node)
        output = None if source is None else catalogue[source.class_type].output(link.slot)
        if output is not None:
            found[name] = output.type
    return found

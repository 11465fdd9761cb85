"""Which files a graph names that are not in their folders."""

from collections.abc import Collection, Iterable
from typing import Any

from engine.files.folders import Folders
from engine.graph.catalogue import Catalogue
from engine.graph.convert import convert
from engine.graph.dynamic import declared
from engine.graph.graph import Graph, Link, Node
from engine.graph.node_check import checks_itself
from engine.graph.problems import Problem
from engine.graph.spec import InputSpec, NodeSpec

# What is wrong with a name that is no name of a file there; others are wrong in other ways.
_NOT_THERE = frozenset(("value_not_in_list", "custom_validation_failed"))


def missing_files(
    graph: Graph, catalogue: Catalogue, folders: Folders, targets: Collection[str] | None = None
) -> list[dict[str, Any]]:
    """``[{"node_id", "input", "name", "kind"}]`` of the nodes that the outputs need.

    ``kind`` is the folder (``loras``, ``input``...). Nodes of unknown classes are taken for
    outputs: what feeds them may be needed. ``targets``: only these outputs count.
    """
    outputs = [i for i, node in graph.nodes.items() if _is_wanted(node, catalogue, targets)]
    # Each name is looked up once: to list a folder costs a walk over the disk.
    looked_up: dict[str, Problem | None] = {}
    found = []
    for node_id in graph.needed(outputs):
        node = graph.nodes[node_id]
        if node.class_type not in catalogue:
            continue
        for item, value in _names(node, catalogue[node.class_type]):
            key = f"{node.class_type}/{item.name}/{value!r}"
            if key not in looked_up:
                looked_up[key] = convert(item, value, folders)[1]
            problem = looked_up[key]
            if problem is not None and problem.type in _NOT_THERE:
                name = problem.extra_info.get("received_value", value)
                found.append(
                    {"node_id": node_id, "input": item.name, "name": name, "kind": item.folder}
                )
    return found


def _is_wanted(node: Node, catalogue: Catalogue, targets: Collection[str] | None) -> bool:
    if node.class_type not in catalogue:
        return True
    return catalogue[node.class_type].is_output and (targets is None or node.id in targets)


def _names(node: Node, spec: NodeSpec) -> Iterable[tuple[InputSpec, Any]]:
    """The constants of a node that name files, but those that its class looks at itself."""
    for item in declared(spec, node.inputs):
        value = node.inputs.get(item.name)
        if value is None or isinstance(value, Link) or item.folder is None:
            continue
        if not checks_itself(spec, item.name):
            yield item, value

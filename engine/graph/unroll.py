"""A loop's body, copied: what an End puts in its place once it is known how often it goes round.

The nodes of the body stay in the graph, and nobody asks for them: an End takes what comes to it as
bare links. What runs are copies of them, one for each round.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from engine.graph.definition import NodeError
from engine.graph.graph import Graph, Link, Node
from engine.graph.loops import Loop, find_loops


def own_loop(
    node_of: Callable[[str], Node],
    end: str,
    kinds: Mapping[str, str],
    rounds: Collection[str] = (),
) -> tuple[Graph, Loop]:
    """The loop that ``end`` ends, and the graph of all that is above it.

    Args:
        node_of: gives a node of the running graph.
        kinds: see ``find_loops``.
        rounds: classes that a round of an outer loop begins with: nothing above belongs to it.

    Raises:
        NodeError: it ends no loop.
    """
    above: dict[str, Node] = {}
    stack = [end]
    while stack:
        node_id = stack.pop()
        if node_id not in above:
            node = above[node_id] = node_of(node_id)
            stack += node.sources if node.class_type not in rounds else ()
    graph = Graph(above)
    loops, problems = find_loops(graph, graph.needed([end]), kinds)
    for loop in loops:
        if loop.end == end:
            return graph, loop
    raise NodeError("; ".join(problem.details for problem in problems.get(end, ())))


def copied_body(graph: Graph, loop: Loop, names: Mapping[str, str]) -> dict[str, Node]:
    """The body of ``loop`` with its nodes called by ``names``, which also names the new Start."""
    found = {}
    for node_id in loop.body:
        node = graph.nodes[node_id]
        inputs = {name: moved(value, names) for name, value in node.inputs.items()}
        found[names[node_id]] = Node(names[node_id], node.class_type, inputs, node.title)
    return found


def moved(value: Any, names: Mapping[str, str]) -> Any:
    """An input of a copy: links into the body lead to its copy, others where they led."""
    if isinstance(value, Link) and value.node in names:
        return Link(names[value.node], value.slot)
    return value

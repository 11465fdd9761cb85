"""What has to run for a job: pulled from the outputs, stopping at every result that is cached."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.execution.cache import Entry
from engine.graph.graph import Graph
from engine.graph.keys import Keys


@dataclass(frozen=True, slots=True)
class Plan:
    """The work of a job.

    Attributes:
        found: entries of nodes that need not run and whose values or UI are needed.
        run: the nodes to run, sources first; of several nodes with one key only the first.
        twins: for a node to run, other nodes of the job that have its key.
        waits: for a node to run, the nodes to run whose outputs it takes.
    """

    found: Mapping[str, Entry]
    run: tuple[str, ...]
    twins: Mapping[str, tuple[str, ...]]
    waits: Mapping[str, frozenset[str]]


def plan(
    graph: Graph,
    outputs: tuple[str, ...],
    keys: Keys,
    lookup: Callable[[str], Entry | None],
) -> Plan:
    """Plan a job; ``lookup`` gives the cached entry of a node, if there is one to use."""
    found: dict[str, Entry] = {}
    first: dict[str, str] = {}
    stands_for: dict[str, str] = {}
    twins: dict[str, list[str]] = {}
    pulled: set[str] = set()
    stack = list(reversed(outputs))
    while stack:
        node_id = stack.pop()
        if node_id in pulled:
            continue
        pulled.add(node_id)
        entry = lookup(node_id)
        if entry is not None:
            found[node_id] = entry
            continue
        original = first.setdefault(keys.nodes[node_id], node_id)
        stands_for[node_id] = original
        if original != node_id:
            twins.setdefault(original, []).append(node_id)
            continue
        stack += [link.node for _, link in graph.nodes[node_id].links()]
    waits = {
        node_id: frozenset(
            stands_for[link.node]
            for _, link in graph.nodes[node_id].links()
            if link.node in stands_for
        )
        for node_id in first.values()
    }
    order = tuple(i for i in graph.needed(outputs) if first.get(keys.nodes[i]) == i)
    return Plan(found, order, {i: tuple(others) for i, others in twins.items()}, waits)

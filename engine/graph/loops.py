"""Loops: which End belongs to which Start, what lies between them, and what is wrong with that.

A Start and an End node mark the body of a loop: all that depends on the Start and that the End
depends on. Loops may lie inside each other; nothing may leave a body but through its End.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from engine.graph import problems
from engine.graph.catalogue import Catalogue
from engine.graph.graph import Graph, Link
from engine.graph.problems import Problem

# The input of an End that says whether it keeps the values of all rounds.
ACCUMULATE = "accumulate"


@dataclass(frozen=True, slots=True)
class Loop:
    """``body``: the nodes between, without ``start`` and ``end``, in the order of the flow."""

    start: str
    end: str
    body: tuple[str, ...]


def find_loops(
    graph: Graph, order: Sequence[str], kinds: Mapping[str, str]
) -> tuple[tuple[Loop, ...], dict[str, list[Problem]]]:
    """The loops among the nodes of ``order`` (no cycle in it), inner ones first, and the problems.

    ``order`` has every node after those that feed it, as ``Graph.needed`` gives it. ``kinds``:
    "start" or "end" by class, for those that bound a loop (``Catalogue.loops``).
    """
    if not kinds:
        return (), {}
    marks = {i: kinds[name] for i in order if (name := graph.nodes[i].class_type) in kinds}
    loops: list[Loop] = []
    found: dict[str, list[Problem]] = {}
    consumers = _consumers(graph, order)
    paired: set[str] = set()
    for end in (i for i in order if marks.get(i) == "end"):
        starts = _open_starts(graph, end, marks, paired)
        closest = [s for s in starts if starts.keys() - {s} <= starts[s]]
        if len(closest) != 1:
            found[end] = [_unpaired_end(end, list(starts))]
            paired.update(starts)  # the End is at fault, and that is said
            continue
        paired.add(closest[0])
        loop = _loop(graph, closest[0], end, order, consumers)
        loops.append(loop)
        _add(found, _faults(graph, loop, consumers))
    for start in (i for i in order if marks.get(i) == "start" and i not in paired):
        why = f"the loop that node '{start}' starts has no end: connect its values to an EndLoop."
        found[start] = [problems.loop_error("loop_start_without_end", why, [start])]
    return tuple(loops), found


def end_in_cycle(
    graph: Graph, cycle: Iterable[str], catalogue: Catalogue
) -> tuple[str, Problem] | None:
    """A cycle that goes through the End of a loop is named after it."""
    nodes = list(cycle)
    for node_id in nodes:
        if catalogue.loops.get(graph.nodes[node_id].class_type) == "end":
            why = (
                f"the loop's end, node '{node_id}', feeds back into its own loop. What is carried "
                "from round to round goes into the end, and comes out of the start."
            )
            return node_id, problems.loop_error("loop_end_cycle", why, nodes)
    return None


def _open_starts(
    graph: Graph, end: str, marks: Mapping[str, str], paired: set[str]
) -> dict[str, set[str]]:
    """The nearest Starts above ``end`` that have no End yet, each with all that is above it."""
    found: dict[str, set[str]] = {}
    seen: set[str] = set()
    stack = _sources(graph, end)
    while stack:
        node_id = stack.pop()
        if node_id in seen:
            continue
        seen.add(node_id)
        if marks.get(node_id) == "start" and node_id not in paired:
            found[node_id] = _above(graph, node_id)
            continue
        stack += _sources(graph, node_id)
    return found


def _unpaired_end(end: str, starts: list[str]) -> Problem:
    if not starts:
        why = f"the loop that node '{end}' ends has no start: it depends on no StartLoop."
        return problems.loop_error("loop_end_without_start", why, [end])
    names = ", ".join(f"'{start}'" for start in starts)
    why = (
        f"node '{end}' could end any of the loops that start at {names}: put one loop inside the "
        "other, or give each an end of its own."
    )
    return problems.loop_error("ambiguous_loop_nesting", why, [end, *starts])


def _loop(
    graph: Graph, start: str, end: str, order: Sequence[str], consumers: Mapping[str, list[str]]
) -> Loop:
    inside = _below(start, end, consumers) & _above(graph, end)
    return Loop(start, end, tuple(i for i in order if i in inside))


def _faults(
    graph: Graph, loop: Loop, consumers: Mapping[str, list[str]]
) -> Iterable[tuple[str, Problem]]:
    inside = {loop.start, *loop.body}
    for node_id in (loop.start, *loop.body):
        for consumer in consumers.get(node_id, ()):
            if consumer not in inside and consumer != loop.end:
                why = (
                    f"node '{consumer}' takes a value from inside a loop (of node '{node_id}'): "
                    f"lead it through the loop's end, node '{loop.end}'."
                )
                yield consumer, problems.loop_error("loop_escape", why, [node_id, consumer])
    wanted = graph.nodes[loop.end].inputs.get(ACCUMULATE)
    if isinstance(wanted, Link) and wanted.node in inside:
        why = (
            f"whether node '{loop.end}' keeps all values must be known before the loop runs: "
            f"'{ACCUMULATE}' cannot come from inside it."
        )
        yield loop.end, problems.loop_error("loop_accumulate_from_body", why, [loop.end])


def _add(found: dict[str, list[Problem]], more: Iterable[tuple[str, Problem]]) -> None:
    for node_id, problem in more:
        listed = found.setdefault(node_id, [])
        if problem not in listed:
            listed.append(problem)


def _sources(graph: Graph, node_id: str) -> list[str]:
    return [source for source in graph.nodes[node_id].sources if source in graph.nodes]


def _above(graph: Graph, node_id: str) -> set[str]:
    seen: set[str] = set()
    stack = _sources(graph, node_id)
    while stack:
        current = stack.pop()
        if current not in seen:
            seen.add(current)
            stack += _sources(graph, current)
    return seen


def _below(start: str, end: str, consumers: Mapping[str, list[str]]) -> set[str]:
    """All that depends on ``start`` otherwise than through ``end``."""
    seen: set[str] = set()
    stack = list(consumers.get(start, ()))
    while stack:
        current = stack.pop()
        if current not in seen and current != end:
            seen.add(current)
            stack += consumers.get(current, ())
    return seen


def _consumers(graph: Graph, order: Iterable[str]) -> dict[str, list[str]]:
    consumers: dict[str, list[str]] = {}
    for node_id in order:
        for source in _sources(graph, node_id):
            consumers.setdefault(source, []).append(node_id)
    return consumers

"""Loops: StartLoop and EndLoop, and what an EndLoop puts in its place.

An EndLoop is asked for first, and asks for nothing of its body. It puts a ``LoopRounds`` there,
which waits until the StartLoop has said how often, and puts the rounds there: copies of the body,
each behind a ``LoopRound`` that stands for the StartLoop. A round waits for the one before.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from engine.graph.definition import Expansion, NodeError, Returned
from engine.graph.graph import Link, Node
from engine.graph.native import ByLink, Choice, Listed, Range, node
from engine.graph.run import Run
from engine.graph.unroll import copied_body, moved, own_loop
from nodes.types import ANY

# How many values a loop carries from round to round.
VALUES = tuple(f"value_{n}" for n in range(1, 5))
_AFTER = tuple(f"after_{n}" for n in range(1, 5))
# The slot of a StartLoop, and of a round, that has the item.
_ITEM = 1
_MAX_COPIES = 100_000
_KINDS = {"StartLoop": "start", "EndLoop": "end"}
_ROUND = "LoopRound"

Carried = Annotated[Any, ByLink("*")]
Before = Annotated[Any, ByLink("*", evaluated=True)]
Number = Annotated[int, Range(-(2**31), 2**31 - 1)]


def _fresh(cache_iterations: bool | None) -> float | None:
    """A loop goes round in every prompt, unless its rounds may come from the cache."""
    return None if cache_iterations else float("nan")


@node(
    "StartLoop",
    "Start Loop",
    category="utilities/logic",
    loop="start",
    fingerprint=_fresh,
    output_names=("index", "item", *VALUES),
)
def start_loop(
    *,
    mode: Annotated[str, Choice(("Simple", "For", "List"))] = "Simple",
    iterations: Annotated[int, Range(0, _MAX_COPIES)] = 4,
    start: Number = 0,
    stop: Number = 4,
    step: Number = 1,
    cache_iterations: bool = False,  # noqa: ARG001 - see ``_fresh``
    items: Listed[ANY] | None = None,
    value_1: Carried | None = None,  # noqa: ARG001 - what the rounds begin with
    value_2: Carried | None = None,  # noqa: ARG001
    value_3: Carried | None = None,  # noqa: ARG001
    value_4: Carried | None = None,  # noqa: ARG001
) -> tuple[int, ANY, ANY, ANY, ANY, ANY]:
    """Begins a loop. What depends on it, up to the EndLoop, runs once for each item: a number of
    times (Simple), for the numbers from start to before stop (For), or for the members of a list.
    The values are those of the first round; later rounds get what the EndLoop got in the one
    before. Rounds run anew in each prompt unless cache_iterations is on.
    """
    found = _items(mode, iterations, (start, stop, step), items)
    return (0, found, None, None, None, None)


@node(
    "EndLoop",
    "End Loop",
    category="utilities/logic",
    # Its body may need the device, which is not free for others before the loop is over.
    lane="device",
    loop="end",
    output_names=VALUES,
)
def end_loop(
    *,
    run: Run,
    accumulate: bool = False,
    value_1: Carried | None = None,
    value_2: Carried | None = None,
    value_3: Carried | None = None,
    value_4: Carried | None = None,
) -> tuple[Listed[ANY], Listed[ANY], Listed[ANY], Listed[ANY]]:
    """Ends a loop: gives the values of its last round, or with accumulate the lists of those of all
    rounds.
    """
    _, loop = own_loop(run.graph.node, run.node_id, _KINDS, (_ROUND,))
    start = run.graph.node(loop.start)
    rounds = Node(
        f"{run.node_id}.rounds",
        "LoopRounds",
        {
            "items": Link(loop.start, _ITEM),
            "accumulate": accumulate,
            "cache_iterations": start.inputs.get("cache_iterations", False),
            **_given(value_1, value_2, value_3, value_4),
        },
    )
    slots = tuple(Link(rounds.id, slot) for slot in range(len(VALUES)))
    expansion = Expansion({rounds.id: rounds}, copies={rounds.id: run.node_id})
    return Returned(slots, expansion=expansion)  # type: ignore[return-value]


@node("LoopRounds", "Loop Rounds", category="utilities/logic/inside", output_names=VALUES)
def loop_rounds(
    *,
    run: Run,
    items: ANY,
    accumulate: bool,
    cache_iterations: bool,
    value_1: Carried | None = None,  # noqa: ARG001 - the body, for the key
    value_2: Carried | None = None,  # noqa: ARG001
    value_3: Carried | None = None,  # noqa: ARG001
    value_4: Carried | None = None,  # noqa: ARG001
) -> tuple[Listed[ANY], Listed[ANY], Listed[ANY], Listed[ANY]]:
    """The rounds of a loop. The engine puts it in the place of an EndLoop."""
    graph, loop = own_loop(run.graph.node, run.graph.parent(run.node_id) or "", _KINDS, (_ROUND,))
    if len(items) * (len(loop.body) + 1) > _MAX_COPIES:
        raise NodeError(
            f"The loop would run {len(items):,} times {len(loop.body) + 1:,} nodes; "
            f"{_MAX_COPIES:,} is the most."
        )
    values = _values(graph.nodes[loop.start])
    ends = [values]
    turn = "" if cache_iterations else uuid.uuid4().hex
    nodes: dict[str, Node] = {}
    copies: dict[str, str] = {}
    after: list[Link] = []
    for n, item in enumerate(items):
        region = (loop.start, *loop.body)
        names = {name: f"{run.node_id}.{n}.{place}" for place, name in enumerate(region)}
        start = names[loop.start]
        barrier = dict(zip(_AFTER, after, strict=False))
        inputs = {**_item(Link(loop.start, _ITEM), n, item), "turn": turn, **barrier, **values}
        nodes[start] = Node(start, _ROUND, inputs)
        nodes |= copied_body(graph, loop, names)
        copies |= {name: original for original, name in names.items()}
        given = {name: moved(v, names) for name, v in _values(graph.nodes[loop.end]).items()}
        after = list(dict.fromkeys(v for v in given.values() if isinstance(v, Link)))
        values = {**values, **given}
        ends.append(values)
    kept = ends[1:] if accumulate else ends[-1:]
    slots = tuple([end[name] for end in kept if name in end] for name in VALUES)
    return Returned(slots, expansion=Expansion(nodes, copies=copies))  # type: ignore[return-value]


@node(
    _ROUND,
    "Loop Round",
    category="utilities/logic/inside",
    output_names=("index", "item", *VALUES),
    # Not what it waits for: a round is the same when the one before it was another.
    depends={
        0: ("index", "turn"),
        _ITEM: ("item", "items", "at", "turn"),
        **{slot: (name, "turn") for slot, name in enumerate(VALUES, start=2)},
    },
)
def loop_round(
    *,
    index: int,
    turn: str = "",  # noqa: ARG001 - makes the round one of its own
    item: ANY | None = None,
    items: ANY | None = None,
    at: int = 0,
    after_1: Before | None = None,  # noqa: ARG001 - what must be over
    after_2: Before | None = None,  # noqa: ARG001
    after_3: Before | None = None,  # noqa: ARG001
    after_4: Before | None = None,  # noqa: ARG001
    value_1: Listed[ANY] | None = None,
    value_2: Listed[ANY] | None = None,
    value_3: Listed[ANY] | None = None,
    value_4: Listed[ANY] | None = None,
) -> tuple[int, ANY, Listed[ANY], Listed[ANY], Listed[ANY], Listed[ANY]]:
    """The beginning of one round of a loop. The engine puts it in the place of a StartLoop."""
    found = item if items is None else items[at]
    first, second, third, fourth = map(_present, (value_1, value_2, value_3, value_4))
    return (index, found, first, second, third, fourth)


def _items(
    mode: str, iterations: int, numbers: tuple[int, int, int], listed: Sequence[Any] | None
) -> Sequence[Any]:
    if mode == "Simple":
        return range(iterations)
    if mode == "For":
        if numbers[2] == 0:
            raise ValueError("The loop's step is 0: it would never end. Choose another step.")
        return range(*numbers)
    if listed is None:
        raise ValueError("The loop goes through a list, but its input 'items' is not connected.")
    # A list may come as one value, or as many values one by one.
    whole = len(listed) == 1 and isinstance(listed[0], (list, tuple))
    return listed[0] if whole else listed


def _present(value: Sequence[Any] | None) -> Sequence[Any]:
    """A value that nobody gave is None to those who ask for it."""
    return (None,) if value is None else value


def _given(*values: Any) -> dict[str, Any]:
    """Raw links as links again, by the names of ``VALUES``."""
    return {
        name: Link(value[0], value[1]) if isinstance(value, list) else value
        for name, value in zip(VALUES, values, strict=True)
        if value is not None
    }


def _values(bound: Node) -> Mapping[str, Any]:
    return {name: bound.inputs[name] for name in VALUES if name in bound.inputs}


def _item(items: Link, index: int, item: Any) -> dict[str, Any]:
    """A round's item as a constant if it can be one: then the cache knows it by its value."""
    plain = isinstance(item, (bool, int, float, str))
    return {"index": index, **({"item": item} if plain else {"items": items, "at": index})}

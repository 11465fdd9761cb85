"""One node's calls: lists zipped into calls, blocked ones left out, results joined again.

Every value travels as a tuple of elements, usually of one. A node is called once for each element
of its longest input; a shorter one repeats its last. An empty one means no call and empty outputs.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

from engine.execution.staying import stay
from engine.graph.definition import (
    UNEVALUATED,
    Blocker,
    Definition,
    Expansion,
    NodeError,
    NotYet,
    Returned,
)
from engine.graph.dynamic import declared
from engine.graph.graph import Link, Node
from engine.graph.run import Run
from engine.graph.spec import NodeSpec, OutputSpec

T = TypeVar("T")
Elements = tuple[Any, ...]
# Gives the values of a link, or None when its node was not evaluated.
Look = Callable[[Link], Elements | None]
# Waits in a thread for something awaitable.
Wait = Callable[[Awaitable[Any]], Any]


class Watch(Protocol):
    """Finds out whether values were changed; the module ``mutation`` is one."""

    def fingerprint(self, value: Any) -> Any: ...

    def changed(self, before: Mapping[str, Any], inputs: Mapping[str, Any]) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Results:
    """What all calls of a node gave together.

    Attributes:
        slots: the elements of each output; with an expansion some may be ``Link``s.
        blocked: a message of the first blocker that said one, to be told once.
    """

    slots: tuple[Elements, ...]
    ui: Mapping[str, list[Any]] = field(default_factory=dict)
    expansions: tuple[Expansion, ...] = ()
    blocked: str | None = None


def gather(node: Node, spec: NodeSpec, look: Look) -> dict[str, Elements]:
    """The elements of each input that reaches the node; ``(UNEVALUATED,)`` for lazy ones."""
    gathered: dict[str, Elements] = {}
    for item in declared(spec, node.inputs):
        if item.name not in node.inputs:
            continue
        value = node.inputs[item.name]
        if not isinstance(value, Link):
            gathered[item.name] = (value,)
        elif item.raw_link:
            gathered[item.name] = ([value.node, value.slot],)
        else:
            found = look(value)
            gathered[item.name] = (UNEVALUATED,) if found is None else found
    for name, value in undeclared(node, spec):
        found = look(value) if isinstance(value, Link) else (value,)
        gathered[name] = (None,) if found is None else found
    return gathered


def undeclared(node: Node, spec: NodeSpec) -> Iterable[tuple[str, Any]]:
    """The inputs that reach the node although its class does not declare them."""
    if spec.undeclared == "drop":
        return ()
    known = {item.name for item in declared(spec, node.inputs)}
    return [
        (name, value)
        for name, value in node.inputs.items()
        if name not in known and (spec.undeclared == "all" or isinstance(value, Link))
    ]


def calls_of(spec: NodeSpec, inputs: Mapping[str, Elements]) -> list[dict[str, Any]]:
    """The arguments of each call."""
    if spec.input_is_list:
        return [{name: list(elements) for name, elements in inputs.items()}]
    count = max(map(len, inputs.values()), default=1)
    if count == 1 and all(inputs.values()):
        return [{name: elements[0] for name, elements in inputs.items()}]
    if not all(inputs.values()):
        return []
    return [
        {name: elements[min(n, len(elements) - 1)] for name, elements in inputs.items()}
        for n in range(count)
    ]


def run_watched(
    watch: Watch, class_type: str, inputs: Mapping[str, Elements], call: Callable[[], Results]
) -> Results:
    """Make ``call`` and say on the node which of its inputs it changed, if it did."""
    before = {name: watch.fingerprint(elements) for name, elements in inputs.items()}
    results = call()
    names = watch.changed(before, inputs)
    if not names:
        return results
    warning = (
        f"{class_type} changed its input{'s' * (len(names) > 1)} {', '.join(map(repr, names))} "
        "in place. Other nodes and later prompts may be reading the same value; it has to make a "
        "new one instead."
    )
    warnings = [*results.ui.get("warnings", ()), warning]
    return replace(results, ui={**results.ui, "warnings": warnings})


def run_calls(
    definition: Definition,
    calls: Sequence[Mapping[str, Any]],
    run_of: Callable[[int], Run],
    wait: Wait,
) -> Results:
    """Make the calls one after another, in this thread.

    Raises:
        NotYet: lazy inputs are wanted first. Otherwise whatever the node raises.
    """
    # Few nodes have lazy inputs, and to ask on the loop takes longer than most of the others run.
    if _may_ask(definition, calls):
        _ask(wait(_wanted(definition, calls, run_of)))
    returned: list[Returned | Blocker] = []
    for n, inputs in enumerate(calls):
        run = run_of(n)
        run.check()
        blocker = _blocker(inputs, definition.spec)
        if blocker is None:
            result = definition.call(inputs, run)
            returned.append(wait(result) if inspect.isawaitable(result) else result)
        else:
            returned.append(blocker)
    return join(definition.spec, returned)


async def run_calls_on_loop(
    definition: Definition,
    calls: Sequence[Mapping[str, Any]],
    run_of: Callable[[int], Run],
) -> Results:
    """The same on an event loop, all calls together."""
    if _may_ask(definition, calls):
        _ask(await _wanted(definition, calls, run_of))

    async def one(n: int, inputs: Mapping[str, Any]) -> Returned | Blocker:
        run = run_of(n)
        run.check()
        blocker = _blocker(inputs, definition.spec)
        if blocker is not None:
            return blocker
        result = definition.call(inputs, run)
        return await result if inspect.isawaitable(result) else result

    together = asyncio.gather(*(stay(one(n, inputs)) for n, inputs in enumerate(calls)))
    return join(definition.spec, await together)


def _may_ask(definition: Definition, calls: Sequence[Mapping[str, Any]]) -> bool:
    return definition.needs is not None and any(_missing(inputs) for inputs in calls)


async def _wanted(
    definition: Definition, calls: Sequence[Mapping[str, Any]], run_of: Callable[[int], Run]
) -> list[str]:
    """The lazy inputs that the node asks for before its first call."""
    if definition.needs is None:
        return []
    wanted: dict[str, None] = {}
    for n, inputs in enumerate(calls):
        names = definition.needs(inputs, run_of(n))
        for name in await names if inspect.isawaitable(names) else names:
            if name not in inputs:
                raise NodeError(
                    f"{definition.spec.class_type} asks for its input '{name}', which is not "
                    "linked to anything."
                )
            if name in _missing(inputs):
                wanted[name] = None
    return list(wanted)


def _ask(names: list[str]) -> None:
    if names:
        raise NotYet(names)


def _missing(inputs: Mapping[str, Any]) -> list[str]:
    return [
        name
        for name, value in inputs.items()
        if value is UNEVALUATED or (isinstance(value, list) and value == [UNEVALUATED])
    ]


def _blocker(inputs: Mapping[str, Any], spec: NodeSpec) -> Blocker | None:
    for value in inputs.values():
        if isinstance(value, Blocker):
            return value
        if spec.input_is_list:
            for element in value:
                if isinstance(element, Blocker):
                    return element
    return None


def join(spec: NodeSpec, returned: Sequence[Returned | Blocker]) -> Results:
    """Put the results of all calls together, slot by slot."""
    outputs = _outputs(spec, returned)
    slots: list[list[Any]] = [[] for _ in outputs]
    ui: dict[str, list[Any]] = {}
    expansions = []
    message = None
    for result in returned:
        if isinstance(result, Blocker):
            message = message or result.message
            for elements in slots:
                elements.append(Blocker())  # told here, so what follows is silent
            continue
        for output, elements, value in zip(
            outputs, slots, _padded(result.values, len(slots)), strict=True
        ):
            if output.is_list and not isinstance(value, (Blocker, Link)):
                elements.extend(_listed(spec, output.name, value))
            else:
                elements.append(value)
        for kind, items in (result.ui or {}).items():
            ui.setdefault(kind, []).extend(items)
        if result.expansion is not None:
            expansions.append(result.expansion)
    return Results(tuple(map(tuple, slots)), ui, tuple(expansions), message)


def _outputs(spec: NodeSpec, returned: Sequence[Returned | Blocker]) -> Sequence[OutputSpec]:
    """The outputs that there are: the declared ones, and more of a class that has any number."""
    if spec.further is None:
        return spec.outputs
    most = max((len(r.values) for r in returned if isinstance(r, Returned)), default=0)
    return (*spec.outputs, *[spec.further] * (most - len(spec.outputs)))


def _padded(values: tuple[Any, ...], count: int) -> tuple[Any, ...]:
    return values if len(values) == count else (*values, *([None] * count))[:count]


def _listed(spec: NodeSpec, output: str, value: Any) -> Iterable[Any]:
    if value is None:
        return ()
    if isinstance(value, (str, bytes, Mapping)) or not hasattr(value, "__iter__"):
        raise NodeError(
            f"{spec.class_type} declares its output '{output}' to be a list, but returned a "
            f"{type(value).__name__}."
        )
    listed: Iterable[Any] = value
    return listed

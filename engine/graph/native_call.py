"""How the engine calls a native function: with the inputs it wants, for a ``Returned``."""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from engine.graph.annotations import Lazy, Signature
from engine.graph.awaiting import then
from engine.graph.definition import UNEVALUATED, Inputs, NodeError, Returned
from engine.graph.dynamic import is_dynamic
from engine.graph.nesting import nested
from engine.graph.run import Run
from engine.graph.spec import NodeSpec

Call = Callable[[Inputs, Run], Returned | Awaitable[Returned]]
Fingerprint = Callable[[Inputs, Run], Any]
Found = Iterable[tuple[str, str]]
Check = Callable[[Inputs, Mapping[str, str]], Found | Awaitable[Found]]


def call_of(spec: NodeSpec, function: Callable[..., Any], signature: Signature) -> Call:
    """Raises, when called, ``NodeError`` for a wrong number of values, and what the node raises."""
    lazy = {one.spec.name for one in signature.inputs if one.lazy}
    listed = {one.spec.name for one in signature.inputs if one.listed}
    grows = is_dynamic(spec)

    def keywords(inputs: Inputs, run: Run) -> dict[str, Any]:
        values = dict(inputs)
        if spec.input_is_list:
            values = {
                name: value if name in listed else _only(spec, name, value)
                for name, value in values.items()
            }
        for name in lazy & values.keys():
            values[name] = Lazy(name, _unevaluated(values[name]))
        if grows:
            values = nested(spec, values)
        return values if signature.run is None else {**values, signature.run: run}

    async def later(inputs: Inputs, run: Run) -> Returned:
        return _returned(spec, await function(**keywords(inputs, run)))

    def now(inputs: Inputs, run: Run) -> Returned:
        return _returned(spec, function(**keywords(inputs, run)))

    return later if inspect.iscoroutinefunction(function) else now


def fingerprint_of(function: Callable[..., Any]) -> Fingerprint:
    """A function of some of the node's inputs and perhaps its ``Run``, as ``fingerprint``."""
    run_parameters = [
        name
        for name, hint in inspect.get_annotations(function, eval_str=True).items()
        if hint is Run
    ]

    def fingerprint(inputs: Inputs, run: Run) -> Any:
        return function(**_taken(function, {**inputs, **dict.fromkeys(run_parameters, run)}))

    return fingerprint


def check_of(function: Callable[..., Any]) -> Check:
    """A function of some of the node's inputs (and of ``input_types``), as ``check``.

    It gives None when all is well, a sentence, or sentences by input name.
    """
    names = [name for name in _names(function) if name != "input_types"]

    def listed(found: str | Mapping[str, str] | None) -> Found:
        if not found:
            return []
        return [(names[0], found)] if isinstance(found, str) else list(found.items())

    def check(inputs: Inputs, input_types: Mapping[str, str]) -> Found | Awaitable[Found]:
        taken = _taken(function, {**inputs, "input_types": input_types})
        return then(function(**taken), listed)

    return check


def checked_names(function: Callable[..., Any] | None) -> tuple[tuple[str, ...], bool]:
    """The inputs that a check names, and whether it looks at the types of what is linked."""
    names = [] if function is None else _names(function)
    return tuple(name for name in names if name != "input_types"), "input_types" in names


def _names(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


def _taken(function: Callable[..., Any], offered: Mapping[str, Any]) -> dict[str, Any]:
    """What ``function`` takes of this; None for what it must have and is not there."""
    return {
        name: offered.get(name)
        for name, parameter in inspect.signature(function).parameters.items()
        if name in offered or parameter.default is inspect.Parameter.empty
    }


def _only(spec: NodeSpec, name: str, elements: list[Any]) -> Any:
    """The one element of an input that is no list, beside others that are."""
    if len(elements) != 1:
        raise NodeError(
            f"{spec.class_type} takes one value as its input '{name}', but got {len(elements)}."
        )
    return elements[0]


def _unevaluated(value: Any) -> Any:
    return UNEVALUATED if isinstance(value, list) and value == [UNEVALUATED] else value


def _returned(spec: NodeSpec, result: Any) -> Returned:
    """A native function returns its value, or a tuple of as many as it has outputs."""
    if isinstance(result, Returned):
        return result
    count = len(spec.outputs)
    values = result if isinstance(result, tuple) else (() if result is None else (result,))
    if len(values) != count:
        raise NodeError(
            f"{spec.class_type} declares {count} outputs but returned {len(values)} values."
        )
    return Returned(values)

"""A V3 node class as a ``Definition``: how it is called and asked."""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from engine.compat.context import call_within
from engine.compat.hidden import hidden_values
from engine.compat.returned import blocked, read_returned, read_ui
from engine.compat.v1 import as_given, asked_names, failures
from engine.compat.v3.locked import hidden_as, locked
from engine.compat.v3.schema import ComfyNode, NodeOutput
from engine.compat.v3.spec import spec_of
from engine.graph import dynamic
from engine.graph.awaiting import then
from engine.graph.definition import Definition, Inputs, NodeError, Returned
from engine.graph.graph import Link
from engine.graph.nesting import Leaf, nested
from engine.graph.run import Run
from engine.graph.spec import NodeSpec

Found = Iterable[tuple[str, str]]
Check = Callable[[Inputs, Mapping[str, str]], Found | Awaitable[Found]]


def definition_of(cls: type[ComfyNode], class_type: str | None = None) -> Definition:
    """Raises what the class raises when it is asked for its schema."""
    spec = spec_of(cls, class_type)
    schema = cls.define_schema()
    clone = locked(cls)
    arguments = partial(_arguments, spec, schema.accept_all_inputs)

    def call(inputs: Inputs, run: Run) -> Returned | Awaitable[Returned]:
        result = _ask(clone, "execute", spec, run, arguments(inputs, run))
        return then(result, lambda value: _returned(spec, value, expands=schema.enable_expand))

    def fingerprint(inputs: Inputs, run: Run) -> Any:
        constants = {n: [v] if spec.input_is_list else v for n, v in inputs.items()}
        return _ask(clone, "fingerprint_inputs", spec, run, arguments(constants, run))

    def needs(inputs: Inputs, run: Run) -> Iterable[str] | Awaitable[Iterable[str]]:
        # Beside each value its submitted name, by which it is asked for.
        taken = arguments(inputs, run, leaf=lambda value, name: (value, name))
        return then(_ask(clone, "check_lazy_status", spec, run, taken), asked_names)

    found = Definition(spec, call, own_inputs=True, refreshed=lambda: spec_of(cls, class_type))
    if hasattr(cls, "fingerprint_inputs"):
        found = replace(found, fingerprint=fingerprint)
    if hasattr(cls, "check_lazy_status"):
        found = replace(found, needs=needs)
    if spec.validates or spec.validates_types:
        found = replace(found, check=_check_of(clone, spec, accepts_all=schema.accept_all_inputs))
    return found


def _arguments(
    spec: NodeSpec,
    accepts_all: bool,
    inputs: Inputs,
    run: Run,
    leaf: Leaf = lambda value, _: value,
) -> dict[str, Any]:
    """The keywords of a call: growing inputs nested, and what may come without being declared."""
    submitted = run.graph.node(run.node_id).inputs
    given = {name: as_given(spec, value, submitted.get(name)) for name, value in inputs.items()}
    roots = tuple(f"{i.name}." for i in spec.inputs if i.type in dynamic.DYNAMIC_TYPES)
    further = {
        name: value
        for name, value in given.items()
        if (accepts_all or isinstance(submitted.get(name), Link)) and not name.startswith(roots)
    }
    return {**further, **nested(spec, given, leaf)}


def _ask(
    clone: type[ComfyNode], method: str, spec: NodeSpec, run: Run, taken: Mapping[str, Any]
) -> Any:
    """Call a class method, its hidden values around it."""
    function = getattr(clone, method)
    hidden = hidden_values(spec.hidden, run)
    if inspect.iscoroutinefunction(function):

        async def later() -> Any:
            with hidden_as(hidden):
                return await call_within(run, function, taken)

        return later()
    with hidden_as(hidden):
        return call_within(run, function, taken)


def _returned(spec: NodeSpec, result: Any, *, expands: bool) -> Returned:
    if not isinstance(result, NodeOutput):
        shown = hasattr(result, "as_dict")
        result = {"ui": result} if shown else () if result is None else result
        return _allowed(spec, read_returned(spec, result), expands=expands)
    if result.block_execution is not None:
        return replace(blocked(spec, result.block_execution), ui=read_ui(spec, result.ui))
    parts = {"result": result.args, "ui": result.ui, "expand": result.expand}
    return _allowed(spec, read_returned(spec, parts), expands=expands)


def _allowed(spec: NodeSpec, returned: Returned, *, expands: bool) -> Returned:
    if returned.expansion is not None and not expands:
        raise NodeError(
            f"{spec.class_type} returned an expansion; its schema must say enable_expand=True."
        )
    return returned


def _check_of(clone: type[ComfyNode], spec: NodeSpec, *, accepts_all: bool) -> Check:
    def check(inputs: Inputs, types: Mapping[str, str]) -> Found | Awaitable[Found]:
        constants = {n: list(v) if isinstance(v, tuple) else v for n, v in inputs.items()}
        everything = spec.validates == ("*",)
        offered = {**(constants if accepts_all else {}), **nested(spec, constants)}
        taken = {
            name: [value] if spec.input_is_list else value
            for name, value in offered.items()
            if everything or name in spec.validates
        }
        names = list(taken)
        if spec.validates_types:
            taken["input_types"] = dict(types)
        result = clone.validate_inputs(**taken)  # type: ignore[attr-defined]
        return then(result, lambda value: failures(value, names or taken))

    return check

"""A V1 node class of a pack as a ``Definition``: how it is called and asked."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from engine.compat.context import call_within
from engine.compat.hidden import hidden_values
from engine.compat.returned import read_returned
from engine.compat.v1_spec import SECTIONS, spec_of
from engine.graph.awaiting import then
from engine.graph.definition import UNEVALUATED, Definition, Inputs, Returned
from engine.graph.graph import Link
from engine.graph.run import Run
from engine.graph.spec import NodeSpec

Found = Iterable[tuple[str, str]]
Check = Callable[[Inputs, Mapping[str, str]], Found | Awaitable[Found]]


def definition_of(class_type: str, cls: type, display_name: str | None = None) -> Definition:
    """Raises what the class raises when it is asked what it is."""
    spec = spec_of(class_type, cls, display_name)

    def call(inputs: Inputs, run: Run) -> Returned | Awaitable[Returned]:
        function = getattr(run.instance(cls), cls.FUNCTION)  # type: ignore[attr-defined]
        result = call_within(run, function, arguments(cls, spec, inputs, run))
        return then(result, lambda value: read_returned(spec, value))

    def fingerprint(inputs: Inputs, run: Run) -> Any:
        listed = _listed(spec, inputs)
        function = cls.IS_CHANGED  # type: ignore[attr-defined]
        return call_within(run, function, arguments(cls, spec, listed, run))

    def needs(inputs: Inputs, run: Run) -> Iterable[str] | Awaitable[Iterable[str]]:
        function = run.instance(cls).check_lazy_status
        return then(call_within(run, function, arguments(cls, spec, inputs, run)), asked_names)

    found = Definition(
        spec, call, own_inputs=True, refreshed=lambda: spec_of(class_type, cls, display_name)
    )
    if hasattr(cls, "IS_CHANGED"):
        found = replace(found, fingerprint=fingerprint)
    if hasattr(cls, "check_lazy_status"):
        found = replace(found, needs=needs)
    if spec.validates or spec.validates_types:
        found = replace(found, check=_check_of(cls, spec))
    return found


def arguments(cls: type, spec: NodeSpec, inputs: Inputs, run: Run) -> dict[str, Any]:
    """The keywords of a call: what the class accepts of ``inputs``, and its hidden values."""
    submitted = run.graph.node(run.node_id).inputs
    declared = {item.name for item in spec.inputs}
    linked = {name for name, value in submitted.items() if isinstance(value, Link)}
    taken = {
        name: as_given(spec, value, submitted.get(name))
        for name, value in inputs.items()
        if name in declared or name in linked or accepts(cls, name)
    }
    hidden = hidden_values(spec.hidden, run)
    return {**taken, **_listed(spec, hidden)}


def accepts(cls: type, name: str) -> bool:
    """Whether the class takes an input that it does not show: its own objects are asked."""
    sections = cls.INPUT_TYPES()  # type: ignore[attr-defined]
    return any(name in (sections.get(section) or ()) for section in SECTIONS)


def as_given(spec: NodeSpec, value: Any, submitted: Any) -> Any:
    """An input as functions of packs expect it: constants are lists, what is not there is None."""
    if spec.input_is_list:
        return [_element(one, submitted) for one in value]
    return _element(value, submitted)


def _element(value: Any, submitted: Any) -> Any:
    if value is UNEVALUATED:
        return None
    return list(value) if isinstance(submitted, tuple) else value


def asked_names(names: Any) -> list[str]:
    """What ``check_lazy_status`` returned."""
    if not names:
        return []
    return [names] if isinstance(names, str) else [str(name) for name in names]


def failures(result: Any, names: Iterable[str]) -> list[tuple[str, str]]:
    """What ``VALIDATE_INPUTS`` returned, as (input, message) for each input that it got."""
    if result is True:
        return []
    message = result if isinstance(result, str) else ""
    return [(name, message) for name in names]


def _check_of(cls: type, spec: NodeSpec) -> Check:
    def check(inputs: Inputs, types: Mapping[str, str]) -> Found | Awaitable[Found]:
        everything = spec.validates == ("*",)
        offered = {**dict.fromkeys(spec.hidden), **inputs}
        taken = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in (inputs if everything else offered).items()
            if everything or name in spec.validates
        }
        given = _listed(spec, taken)
        if spec.validates_types:
            given["input_types"] = dict(types)
        result = cls.VALIDATE_INPUTS(**given)  # type: ignore[attr-defined]
        return then(result, lambda value: failures(value, taken or given))

    return check


def _listed(spec: NodeSpec, values: Mapping[str, Any]) -> dict[str, Any]:
    """With INPUT_IS_LIST every value is a list, also a constant and a hidden one."""
    return {name: [value] if spec.input_is_list else value for name, value in values.items()}

"""The native way to write a node: a typed Python function.

    @node("ImageScaleBy", "Upscale Image By", category="image/upscaling")
    def scale(*, image: IMAGE, scale_by: Annotated[float, Range(0.01, 8.0)] = 1.0) -> IMAGE:
        ...

Its sockets and widgets are its annotations, the widgets' defaults its defaults, and it stays a
plain function that a test calls without an engine. Parameters are keyword-only, because the order
of inputs is part of the workflow format and may put a socket after a widget that has a default.
"""

import inspect
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal, TypeVar

from engine.graph.annotations import (
    ByLink,
    Choice,
    File,
    Grows,
    Lazy,
    Listed,
    Range,
    Signature,
    Socket,
    Text,
    read_signature,
)
from engine.graph.definition import Definition
from engine.graph.dynamic import DYNAMIC_TYPES
from engine.graph.native_call import call_of, check_of, checked_names, fingerprint_of
from engine.graph.spec import Lane, NodeSpec, OutputSpec, Passthrough, Undeclared

Function = TypeVar("Function", bound=Callable[..., Any])
_ATTRIBUTE = "__patchbay_node__"


def node(
    class_type: str,
    display_name: str = "",
    *,
    category: str,
    lane: Lane = "cpu",
    output: bool = False,
    output_names: tuple[str, ...] = (),
    version: int = 1,
    aliases: tuple[str, ...] = (),
    hidden: Mapping[str, str] | None = None,
    depends: Mapping[int, tuple[str, ...]] | None = None,
    passthrough: Mapping[int, Passthrough] | None = None,
    not_idempotent: bool = False,
    light: bool = False,
    loop: Literal["", "start", "end"] = "",
    fingerprint: Callable[..., Any] | None = None,
    check: Callable[..., Any] | None = None,
    experimental: bool = False,
    deprecated: bool = False,
) -> Callable[[Function], Function]:
    """Declare a function to be the node ``class_type``; see ``NodeSpec`` for the arguments.

    The function's docstring is the description shown to people. One that takes ``**links`` gets
    there what is linked to inputs that it does not declare.

    Args:
        output_names: what the outputs are called, when it is not by their types.
        fingerprint: a function of some of the inputs (linked ones are None) and perhaps the
            ``Run``; the node runs again when it gives another value.
        check: a function of some of the inputs (linked ones are None) and perhaps ``input_types``,
            that says before a prompt is queued what is wrong: None, a sentence, or sentences by
            input. The engine leaves the limits of these inputs to it.
        experimental, deprecated: marks that clients show.

    Raises:
        TypeError: a parameter that is not keyword-only, or an annotation that is no socket or
            widget.
    """

    marks = {"experimental": experimental, "deprecated": deprecated}

    def declare(function: Function) -> Function:
        signature = read_signature(function)
        validates, validates_types = checked_names(check)
        spec = NodeSpec(
            class_type=class_type,
            display_name=display_name or class_type,
            category=category,
            inputs=tuple(one.spec for one in signature.inputs),
            outputs=_named(signature, output_names),
            description=inspect.getdoc(function) or "",
            is_output=output,
            lane="loop" if inspect.iscoroutinefunction(function) else lane,
            version=version,
            module=_module(function.__module__),
            aliases=aliases,
            hidden=hidden or {},
            depends=depends or {},
            passthrough=passthrough or {},
            input_is_list=any(one.listed for one in signature.inputs),
            not_idempotent=not_idempotent,
            undeclared=_undeclared(signature),
            validates=validates,
            validates_types=validates_types,
            light=light,
            loop=loop,
            info={mark: True for mark, given in marks.items() if given},
        )
        definition = Definition(
            spec,
            call_of(spec, function, signature),
            fingerprint=None if fingerprint is None else fingerprint_of(fingerprint),
            check=None if check is None else check_of(check),
        )
        setattr(function, _ATTRIBUTE, definition)
        return function

    return declare


def definitions(module: types.ModuleType) -> Iterable[Definition]:
    """The nodes declared in ``module``, in the order in which they stand there."""
    for value in vars(module).values():
        found = getattr(value, _ATTRIBUTE, None)
        if isinstance(found, Definition) and value.__module__ == module.__name__:
            yield found


def _module(name: str) -> str:
    return "nodes" if name.partition(".")[0] == "nodes" else name


def _named(signature: Signature, names: tuple[str, ...]) -> tuple[OutputSpec, ...]:
    if not names:
        return signature.outputs
    found = zip(signature.outputs, names, strict=True)
    return tuple(replace(output, name=name) for output, name in found)


def _undeclared(signature: Signature) -> Undeclared:
    if any(one.spec.type in DYNAMIC_TYPES for one in signature.inputs):
        return "all"  # the names of growing inputs are not known beforehand
    return "links" if signature.open else "drop"


__all__ = [
    "ByLink",
    "Choice",
    "File",
    "Grows",
    "Lazy",
    "Listed",
    "Range",
    "Socket",
    "Text",
    "definitions",
    "node",
]

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
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from engine.graph.run import Run
from engine.graph.spec import InputSpec, Lane, NodeSpec, OutputSpec, Passthrough

Function = TypeVar("Function", bound=Callable[..., Any])
_ATTRIBUTE = "__patchbay_node__"


@dataclass(frozen=True, slots=True)
class Socket:
    """A type that only links can fill: ``MODEL = Annotated[Model, Socket("MODEL")]``."""

    type: str


@dataclass(frozen=True, slots=True)
class Range:
    """Limits of a number widget. ``seed`` adds the control that changes it after each run."""

    min: float
    max: float
    step: float | None = None
    round: float | None = None
    seed: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    multiline: bool = False
    dynamic_prompts: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """A list of values; the first is the default unless the parameter has one."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class File:
    """A file of a kind (``loras``; ``input`` for pictures), with further fixed values if any."""

    kind: str
    upload: bool = False
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Definition:
    """A node class that can be run."""

    spec: NodeSpec
    function: Callable[..., Any]
    run_parameter: str | None


def node(
    class_type: str,
    display_name: str = "",
    *,
    category: str,
    lane: Lane = "cpu",
    output: bool = False,
    version: int = 1,
    aliases: tuple[str, ...] = (),
    hidden: Mapping[str, str] | None = None,
    depends: Mapping[int, tuple[str, ...]] | None = None,
    passthrough: Mapping[int, Passthrough] | None = None,
) -> Callable[[Function], Function]:
    """Declare a function to be the node ``class_type``; see ``NodeSpec`` for the arguments.

    The function's docstring is the description shown to people.

    Raises:
        TypeError: a parameter that is not keyword-only, or an annotation that is no socket or
            widget.
    """

    def declare(function: Function) -> Function:
        hints = typing.get_type_hints(function, include_extras=True)
        inputs, run_parameter = _inputs(function, hints)
        spec = NodeSpec(
            class_type=class_type,
            display_name=display_name or class_type,
            category=category,
            inputs=inputs,
            outputs=_outputs(function, hints.get("return", type(None))),
            description=inspect.getdoc(function) or "",
            is_output=output,
            lane="loop" if inspect.iscoroutinefunction(function) else lane,
            version=version,
            module=_module(function.__module__),
            aliases=aliases,
            hidden=hidden or {},
            depends=depends or {},
            passthrough=passthrough or {},
        )
        setattr(function, _ATTRIBUTE, Definition(spec, function, run_parameter))
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


def _inputs(
    function: Callable[..., Any], hints: Mapping[str, Any]
) -> tuple[tuple[InputSpec, ...], str | None]:
    inputs: list[InputSpec] = []
    run_parameter = None
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            raise TypeError(f"{function.__qualname__}: parameter '{name}' must be keyword-only")
        if hints.get(name) is Run:
            run_parameter = name
            continue
        inputs.append(_input(function, name, hints.get(name), parameter.default))
    return tuple(inputs), run_parameter


def _input(function: Callable[..., Any], name: str, hint: Any, default: Any) -> InputSpec:
    hint, optional = _without_none(hint)
    base, marker = _split(hint)
    options: dict[str, Any] = {}
    if default is not inspect.Parameter.empty and default is not None:
        options["default"] = default
    match marker:
        case Socket(type_):
            return InputSpec(name, type_, not optional, options)
        case Choice(values):
            return InputSpec(name, "COMBO", not optional, options, values)
        case File(kind, upload, also):
            options |= {"image_upload": True} if upload else {}
            return InputSpec(name, "COMBO", not optional, options, also, kind)
    widget = {bool: "BOOLEAN", int: "INT", float: "FLOAT", str: "STRING"}.get(base)
    if widget is None:
        raise TypeError(
            f"{function.__qualname__}: '{name}: {hint}' is neither a socket nor a widget"
        )
    return InputSpec(name, widget, not optional, options | _widget_options(base, marker))


def _widget_options(base: type, marker: Any) -> dict[str, Any]:
    match marker:
        case Range():
            limits = {"min": marker.min, "max": marker.max, "step": marker.step}
            options = {key: base(value) for key, value in limits.items() if value is not None}
            if marker.round is not None:
                options["round"] = marker.round
            return options | ({"control_after_generate": True} if marker.seed else {})
        case Text(multiline, dynamic_prompts):
            flags = {"multiline": multiline, "dynamicPrompts": dynamic_prompts}
            return {key: True for key, value in flags.items() if value}
    return {}


def _outputs(function: Callable[..., Any], hint: Any) -> tuple[OutputSpec, ...]:
    if hint in (type(None), None):
        return ()
    parts = typing.get_args(hint) if typing.get_origin(hint) is tuple else (hint,)
    return tuple(_output(function, part) for part in parts)


def _output(function: Callable[..., Any], hint: Any) -> OutputSpec:
    base, marker = _split(hint)
    if isinstance(marker, Socket):
        return OutputSpec(marker.type, marker.type)
    widget = {bool: "BOOLEAN", int: "INT", float: "FLOAT", str: "STRING"}.get(base)
    if widget is None:
        raise TypeError(f"{function.__qualname__}: cannot return '{hint}' from a node")
    return OutputSpec(widget, widget)


def _without_none(hint: Any) -> tuple[Any, bool]:
    """``(X, True)`` for ``X | None``."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        rest = [part for part in typing.get_args(hint) if part is not type(None)]
        if len(rest) == 1:
            return rest[0], True
    return hint, False


def _split(hint: Any) -> tuple[Any, Any]:
    """The bare type and our marker of an annotation."""
    if typing.get_origin(hint) is Annotated:
        base, *extras = typing.get_args(hint)
        kinds = (Socket, Range, Text, Choice, File)
        return base, next((extra for extra in extras if isinstance(extra, kinds)), None)
    return hint, None

"""What the annotations of a native node mean: sockets, widgets, lists and lazy inputs."""

import inspect
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Generic, TypeVar

from engine.graph.definition import NotYet, Unevaluated
from engine.graph.dynamic import AUTOGROW, MAX_NAMES
from engine.graph.run import Run
from engine.graph.spec import InputSpec, OutputSpec

T = TypeVar("T")
_WIDGETS = {bool: "BOOLEAN", int: "INT", float: "FLOAT", str: "STRING"}


@dataclass(frozen=True, slots=True)
class Socket:
    """A type that only links can fill: ``MODEL = Annotated[Model, Socket("MODEL")]``.

    ``options`` are further keys that clients see.
    """

    type: str
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class ByLink:
    """A socket of which the node gets the link itself, ``[id, slot]``: for expansions.

    Unless ``evaluated``, what is linked is not evaluated for that.
    """

    type: str
    evaluated: bool = False


@dataclass(frozen=True, slots=True)
class Range:
    """Limits of a number widget. ``seed`` adds the control that changes it after each run;
    ``display`` says how it is drawn ("number", "slider").
    """

    min: float
    max: float
    step: float | None = None
    round: float | None = None
    seed: bool = False
    display: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    multiline: bool = False
    dynamic_prompts: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """A list of values; the first is the default unless the parameter has one.

    The canvas folds ``advanced`` ones away.
    """

    values: tuple[str, ...]
    advanced: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """A file of a kind (``loras``; ``input`` for pictures), with further fixed values if any."""

    kind: str
    upload: bool = False
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Grows:
    """An input that there may be many of: ``Annotated[dict[str, IMAGE], Grows("image", 2)]``.

    The function gets them as ``{"image0": ..., "image1": ...}``; the first ``min`` must be there.
    """

    prefix: str
    min: int = 1
    max: int = 10


@dataclass(frozen=True, slots=True)
class _Many:
    """Marks ``Listed``."""


# All elements that come along a link, in one call, instead of a call for each; as an output, a
# list whose elements go on one by one.
Listed = Annotated[Sequence[T], _Many()]


class Lazy(Generic[T]):
    """An input that is evaluated only when the node asks for it, by ``get``.

    The function is called anew when what it asked for is there, so it asks before it works.
    """

    __slots__ = ("_name", "_value")

    def __init__(self, name: str, value: T | Unevaluated) -> None:
        self._name = name
        self._value = value

    @property
    def ready(self) -> bool:
        return not isinstance(self._value, Unevaluated)

    def get(self) -> T:
        """The value. Raises ``NotYet``, which the engine hears, when it is not there."""
        if isinstance(self._value, Unevaluated):
            raise NotYet([self._name])
        return self._value

    @staticmethod
    def need(*inputs: "Lazy[Any]") -> None:
        """Ask for several at once. Raises ``NotYet`` unless all are there."""
        missing = [one._name for one in inputs if not one.ready]
        if missing:
            raise NotYet(missing)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a native function that is an input."""

    spec: InputSpec
    lazy: bool = False
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Signature:
    """What a native function takes and gives.

    Attributes:
        run: the parameter that takes the ``Run``.
        open: it takes any further keyword.
    """

    inputs: tuple[Parameter, ...]
    outputs: tuple[OutputSpec, ...]
    run: str | None
    open: bool


def read_signature(function: Any) -> Signature:
    """Raises TypeError for an annotation that is no socket, no widget and not ``Run``."""
    hints = typing.get_type_hints(function, include_extras=True)
    inputs: list[Parameter] = []
    run, takes_more = None, False
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            takes_more = True
        elif parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            raise TypeError(f"{function.__qualname__}: parameter '{name}' must be keyword-only")
        elif hints.get(name) is Run:
            run = name
        else:
            where = f"{function.__qualname__}: '{name}: {hints.get(name)}'"
            inputs.append(_parameter(where, name, hints.get(name), parameter.default))
    outputs = tuple(_outputs(function.__qualname__, hints.get("return", type(None))))
    return Signature(tuple(inputs), outputs, run, takes_more)


def _parameter(where: str, name: str, hint: Any, default: Any) -> Parameter:
    hint, optional = _without_none(hint)
    lazy = typing.get_origin(hint) is Lazy
    if lazy:
        hint = typing.get_args(hint)[0]
    hint, listed = _without_list(hint)
    base, marker = _split(hint)
    options: dict[str, Any] = {"lazy": True} if lazy else {}
    if default is not inspect.Parameter.empty and default is not None:
        options["default"] = default
    if isinstance(marker, Grows):
        spec = _growing(where, name, base, marker)
    else:
        spec = _input(where, name, base, marker, options)
    return Parameter(replace(spec, required=not optional), lazy, listed)


def _input(where: str, name: str, base: Any, marker: Any, options: Mapping[str, Any]) -> InputSpec:
    match marker:
        case Socket(type_, more):
            return InputSpec(name, type_, options={**options, **more})
        case ByLink(type_, evaluated):
            unasked = {} if evaluated else {"lazy": True}
            return InputSpec(name, type_, options={**options, **unasked, "rawLink": True})
        case Choice(values, advanced):
            shown = {**options, **({"advanced": True} if advanced else {})}
            return InputSpec(name, "COMBO", options=shown, choices=values)
        case File(kind, upload, also):
            shown = {**options, **({"image_upload": True} if upload else {})}
            return InputSpec(name, "COMBO", options=shown, choices=also, folder=kind)
    if base not in _WIDGETS:
        raise TypeError(f"{where} is neither a socket nor a widget")
    return InputSpec(name, _WIDGETS[base], options={**options, **_widget_options(base, marker)})


def _growing(where: str, name: str, base: Any, marker: Grows) -> InputSpec:
    """``base``: ``dict[str, X]``."""
    parts = typing.get_args(base)
    if typing.get_origin(base) is not dict or len(parts) != 2 or parts[0] is not str:
        raise TypeError(f"{where} must be a dict of names, dict[str, ...], to grow")
    if not 0 <= marker.min <= marker.max <= MAX_NAMES:
        raise TypeError(f"{where} may grow to {MAX_NAMES} members at most")
    inner = _input(where, marker.prefix, *_split(parts[1]), {})
    type_ = list(inner.choices) if inner.is_combo else inner.type
    template = {
        "input": {"required": {marker.prefix: [type_, dict(inner.options)]}},
        "prefix": marker.prefix,
        "min": marker.min,
        "max": marker.max,
    }
    return InputSpec(name, AUTOGROW, options={"template": template})


def _widget_options(base: type, marker: Any) -> dict[str, Any]:
    match marker:
        case Range():
            limits = {"min": marker.min, "max": marker.max, "step": marker.step}
            options = {key: base(value) for key, value in limits.items() if value is not None}
            if marker.round is not None:
                options["round"] = marker.round
            if marker.display:
                options["display"] = marker.display
            return options | ({"control_after_generate": True} if marker.seed else {})
        case Text(multiline, dynamic_prompts):
            flags = {"multiline": multiline, "dynamicPrompts": dynamic_prompts}
            return {key: True for key, value in flags.items() if value}
    return {}


def _outputs(where: str, hint: Any) -> Iterator[OutputSpec]:
    if hint in (type(None), None):
        return
    for part in typing.get_args(hint) if typing.get_origin(hint) is tuple else (hint,):
        inner, listed = _without_list(part)
        base, marker = _split(inner)
        type_ = marker.type if isinstance(marker, Socket) else _WIDGETS.get(base)
        if type_ is None:
            raise TypeError(f"{where}: cannot return '{part}' from a node")
        yield OutputSpec(type_, type_, listed)


def _without_none(hint: Any) -> tuple[Any, bool]:
    """``(X, True)`` for ``X | None``."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        rest = [part for part in typing.get_args(hint) if part is not type(None)]
        if len(rest) == 1:
            return rest[0], True
    return hint, False


def _without_list(hint: Any) -> tuple[Any, bool]:
    """``(X, True)`` for ``Listed[X]``."""
    if typing.get_origin(hint) is Annotated:
        base, *extras = typing.get_args(hint)
        if any(isinstance(extra, _Many) for extra in extras):
            return typing.get_args(base)[0], True
    return hint, False


def _split(hint: Any) -> tuple[Any, Any]:
    """The bare type and our marker of an annotation."""
    if typing.get_origin(hint) is Annotated:
        base, *extras = typing.get_args(hint)
        kinds = (Socket, ByLink, Range, Text, Choice, File, Grows)
        return base, next((extra for extra in extras if isinstance(extra, kinds)), None)
    return hint, None

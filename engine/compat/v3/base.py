"""Types of the V3 schema: each has an ``Input`` and an ``Output`` class."""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, ClassVar


class Input:
    """An input of a schema.

    ``OPTIONS`` says which further arguments a kind of input takes, and the key of each in the
    options that clients read. What is None is left out.
    """

    io_type: ClassVar[str] = "*"
    OPTIONS: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self,
        id: str,
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        lazy: bool | None = None,
        *,
        raw_link: bool | None = None,
        advanced: bool | None = None,
        extra_dict: Mapping[str, Any] | None = None,
        **own: Any,
    ) -> None:
        unknown = own.keys() - self.OPTIONS.keys()
        if unknown:
            names = ", ".join(sorted(unknown))
            raise TypeError(f"The input '{id}' ({self.io_type}) has no such option: {names}.")
        self.id = id
        self.display_name = display_name
        self.optional = optional
        self.tooltip = tooltip
        self.lazy = lazy
        self.raw_link = raw_link
        self.advanced = advanced
        self.extra_dict = dict(extra_dict or {})
        self.own = own

    def get_io_type(self) -> str:
        return self.io_type

    def as_dict(self) -> dict[str, Any]:
        """The options, as clients read them."""
        common = {
            "display_name": self.display_name,
            "tooltip": self.tooltip,
            "lazy": self.lazy,
            "rawLink": self.raw_link,
            "advanced": self.advanced,
        }
        own = {self.OPTIONS[name]: written(value) for name, value in self.own.items()}
        return pruned({**common, **own, **self.extra_dict})


class WidgetInput(Input):
    """An input that has a widget."""

    OPTIONS: ClassVar[Mapping[str, str]] = {
        "default": "default",
        "socketless": "socketless",
        "force_input": "forceInput",
    }


class Output:
    """An output of a schema."""

    io_type: ClassVar[str] = "*"

    def __init__(
        self,
        id: str | None = None,
        display_name: str | None = None,
        tooltip: str | None = None,
        is_output_list: bool = False,
    ) -> None:
        self.id = id
        self.display_name = display_name
        self.tooltip = tooltip
        self.is_output_list = is_output_list

    def get_io_type(self) -> str:
        return self.io_type


class ComfyType:
    """A type of values. ``Type`` is for annotations only."""

    io_type: ClassVar[str] = "*"
    Type: ClassVar[Any] = Any
    Input: ClassVar[type[Input]] = Input
    Output: ClassVar[type[Output]] = Output


def make_type(name: str, io_type: str, options: Mapping[str, str] | None = None) -> type[ComfyType]:
    """The type ``io_type``; with ``options`` it has a widget that takes these."""
    base = Input if options is None else WidgetInput
    taken = {**base.OPTIONS, **(options or {})}
    input_class = type("Input", (base,), {"io_type": io_type, "OPTIONS": taken})
    output_class = type("Output", (Output,), {"io_type": io_type})
    return type(
        name, (ComfyType,), {"io_type": io_type, "Input": input_class, "Output": output_class}
    )


def written(value: Any) -> Any:
    """Enums by their values, objects by their ``as_dict``."""
    if isinstance(value, Enum):
        return value.value
    return value.as_dict() if hasattr(value, "as_dict") else value


def pruned(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value is not None}


def sections(inputs: Iterable[Input]) -> dict[str, dict[str, Any]]:
    """The inputs as ``{"required": {id: [type, options]}, "optional": ...}``."""
    found: dict[str, dict[str, Any]] = {"required": {}}
    for one in inputs:
        section = "optional" if one.optional else "required"
        found.setdefault(section, {})[one.id] = [one.get_io_type(), one.as_dict()]
    return found

"""V3 types whose inputs depend on what is connected or chosen; see ``engine.graph.dynamic``."""

from dataclasses import dataclass
from typing import Any

from engine.compat.v3 import base
from engine.compat.v3.base import ComfyType, sections
from engine.compat.v3.sockets import AnyType
from engine.graph.dynamic import AUTOGROW, CHOICE, GROUP, MAX_NAMES, MAX_ROWS, SLOT
from engine.graph.types import MATCHING


class MatchType(ComfyType):
    """Sockets of one node that take on one type together."""

    io_type = MATCHING

    class Template:
        """What the sockets that share it may become."""

        def __init__(
            self,
            template_id: str,
            allowed_types: type[ComfyType] | list[type[ComfyType]] = AnyType,
        ) -> None:
            allowed = allowed_types if isinstance(allowed_types, list) else [allowed_types]
            self.template_id = template_id
            self.allowed_types = allowed

        def as_dict(self) -> dict[str, Any]:
            names = ",".join(one.io_type for one in self.allowed_types)
            return {"template_id": self.template_id, "allowed_types": names}

    class Input(base.Input):
        io_type = MATCHING

        def __init__(self, id: str, template: "MatchType.Template", *args: Any, **own: Any) -> None:
            super().__init__(id, *args, **own)
            self.template = template

        def as_dict(self) -> dict[str, Any]:
            return {**super().as_dict(), "template": self.template.as_dict()}

    class Output(base.Output):
        io_type = MATCHING

        def __init__(self, template: "MatchType.Template", *args: Any, **own: Any) -> None:
            super().__init__(*args, **own)
            self.template = template


@dataclass(frozen=True, slots=True)
class TemplatePrefix:
    """Members are called ``prefix0``, ``prefix1``, ..."""

    input: base.Input
    prefix: str
    min: int = 1
    max: int = 10

    def as_dict(self) -> dict[str, Any]:
        if not 0 <= self.min <= self.max <= MAX_NAMES:
            raise ValueError(f"A growing input has {MAX_NAMES} members at most.")
        inner = sections([self.input])
        return {"input": inner, "prefix": self.prefix, "min": self.min, "max": self.max}


@dataclass(frozen=True, slots=True)
class TemplateNames:
    """Members have these names."""

    input: base.Input
    names: list[str]
    min: int = 1

    def as_dict(self) -> dict[str, Any]:
        if len(self.names) > MAX_NAMES:
            raise ValueError(f"A growing input has {MAX_NAMES} members at most.")
        return {"input": sections([self.input]), "names": list(self.names), "min": self.min}


class Autogrow(ComfyType):
    """As many inputs of one kind as are connected."""

    io_type = AUTOGROW
    TemplatePrefix = TemplatePrefix
    TemplateNames = TemplateNames

    class Input(base.Input):
        io_type = AUTOGROW

        def __init__(
            self, id: str, template: TemplatePrefix | TemplateNames, *args: Any, **own: Any
        ) -> None:
            super().__init__(id, *args, **own)
            self.template = template

        def as_dict(self) -> dict[str, Any]:
            return {**super().as_dict(), "template": self.template.as_dict()}


@dataclass(frozen=True, slots=True)
class Option:
    """A value of a ``DynamicCombo`` and the inputs that belong to it."""

    key: str
    inputs: list[base.Input]

    def as_dict(self) -> dict[str, Any]:
        return {"key": self.key, "inputs": sections(self.inputs)}


class DynamicCombo(ComfyType):
    """A list of choices, each with inputs of its own."""

    io_type = CHOICE
    Option = Option

    class Input(base.Input):
        io_type = CHOICE

        def __init__(self, id: str, options: list[Option], *args: Any, **own: Any) -> None:
            super().__init__(id, *args, **own)
            self.options = options

        def as_dict(self) -> dict[str, Any]:
            return {**super().as_dict(), "options": [one.as_dict() for one in self.options]}


class DynamicSlot(ComfyType):
    """A socket that has further inputs once it is connected."""

    io_type = SLOT

    class Input(base.Input):
        io_type = SLOT

        def __init__(self, slot: base.Input, inputs: list[base.Input], **own: Any) -> None:
            names = (slot.id, slot.display_name, slot.optional, slot.tooltip, slot.lazy)
            super().__init__(*names, **own)
            self.slot = slot
            self.inputs = inputs

        def as_dict(self) -> dict[str, Any]:
            below = {"slotType": self.slot.get_io_type(), "inputs": sections(self.inputs)}
            return {**super().as_dict(), **below}


class DynamicGroup(ComfyType):
    """Rows of the same fields."""

    io_type = GROUP

    class Input(base.Input):
        io_type = GROUP

        def __init__(
            self,
            id: str,
            template: list[base.Input],
            min: int = 0,
            max: int = MAX_ROWS,
            group_name: str | None = None,
            **own: Any,
        ) -> None:
            super().__init__(id, **own)
            if not 0 <= min <= max <= MAX_ROWS:
                raise ValueError(f"The group '{id}' has {MAX_ROWS} rows at most.")
            self.template, self.rows, self.group_name = template, (min, max), group_name

        def as_dict(self) -> dict[str, Any]:
            low, high = self.rows
            shape = {"template": sections(self.template), "min": low, "max": high}
            name = {} if self.group_name is None else {"group_name": self.group_name}
            return {**super().as_dict(), **shape, **name}


__all__ = ["Autogrow", "DynamicCombo", "DynamicGroup", "DynamicSlot", "MatchType"]

"""V3 types that have widgets: numbers, texts, switches and lists of choices."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum, StrEnum
from typing import Any, ClassVar

from engine.compat.v3 import base
from engine.compat.v3.base import ComfyType, WidgetInput, make_type, pruned


class NumberDisplay(StrEnum):
    number = "number"
    slider = "slider"
    gradient_slider = "gradientslider"


class ControlAfterGenerate(StrEnum):
    fixed = "fixed"
    increment = "increment"
    decrement = "decrement"
    randomize = "randomize"


class UploadType(StrEnum):
    """What a list of files offers to upload; the value is the option that clients read."""

    image = "image_upload"
    audio = "audio_upload"
    video = "video_upload"
    model = "file_upload"


@dataclass(frozen=True, slots=True)
class RemoteOptions:
    """Where a client fetches the choices of a list itself."""

    route: str
    refresh_button: bool = True
    control_after_refresh: str = "first"
    timeout: int | None = None
    max_retries: int | None = None
    refresh: int | None = None

    def as_dict(self) -> dict[str, Any]:
        return pruned(asdict(self))


Boolean = make_type("Boolean", "BOOLEAN", {"label_on": "label_on", "label_off": "label_off"})
Int = make_type(
    "Int",
    "INT",
    {
        "min": "min",
        "max": "max",
        "step": "step",
        "control_after_generate": "control_after_generate",
        "display_mode": "display",
    },
)
Float = make_type(
    "Float",
    "FLOAT",
    {
        "min": "min",
        "max": "max",
        "step": "step",
        "round": "round",
        "display_mode": "display",
        "gradient_stops": "gradient_stops",
    },
)
Color = make_type("Color", "COLOR", {})


class String(make_type("String", "STRING")):  # type: ignore[misc]
    """A text."""

    class Input(WidgetInput):
        io_type = "STRING"
        OPTIONS: ClassVar[Mapping[str, str]] = {
            **WidgetInput.OPTIONS,
            "multiline": "multiline",
            "placeholder": "placeholder",
            "dynamic_prompts": "dynamicPrompts",
        }

        def as_dict(self) -> dict[str, Any]:
            return {"multiline": False, **super().as_dict()}


class _ListInput(WidgetInput):
    """A list of choices: values, or the members of an Enum. May be given as second argument."""

    io_type = "COMBO"
    MULTIPLE: ClassVar[bool] = False
    OPTIONS: ClassVar[Mapping[str, str]] = {
        **WidgetInput.OPTIONS,
        "control_after_generate": "control_after_generate",
        "image_folder": "image_folder",
        "remote": "remote",
    }

    def __init__(self, id: str, *names: Any, options: Any = None, **own: Any) -> None:
        if names and not isinstance(names[0], (str, type(None))):
            options, names = names[0], names[1:]
        self.upload = own.pop("upload", None)
        super().__init__(id, *names, **own)
        self.options = _choices(options)

    def as_dict(self) -> dict[str, Any]:
        shown = {"multiselect": self.MULTIPLE, **super().as_dict()}
        if self.options is not None:
            shown["options"] = self.options
        if self.upload is not None:
            shown[UploadType(self.upload).value] = True
        return shown


def _choices(options: Any) -> list[Any] | None:
    if options is None:
        return None
    if isinstance(options, type) and issubclass(options, Enum):
        return [member.value for member in options]
    return [one.value if isinstance(one, Enum) else one for one in options]


class Combo(make_type("Combo", "COMBO")):  # type: ignore[misc]
    """One value of a list."""

    Input = _ListInput


class MultiCombo(make_type("MultiCombo", "COMBO")):  # type: ignore[misc]
    """Several values of a list."""

    class Input(_ListInput):
        MULTIPLE = True
        OPTIONS: ClassVar[Mapping[str, str]] = {
            **_ListInput.OPTIONS,
            "placeholder": "placeholder",
            "chip": "chip",
        }

        def as_dict(self) -> dict[str, Any]:
            shown = super().as_dict()
            look = {key: shown.pop(key) for key in ("placeholder", "chip") if key in shown}
            return {**shown, "multi_select": look} if look else shown


class MultiType(ComfyType):
    """Several types in one input, which may keep the widget of one of them."""

    class Input(base.Input):
        def __init__(self, id: str | base.Input, types: list[type[ComfyType]], **own: Any) -> None:
            self.widget = id if isinstance(id, WidgetInput) else None
            if isinstance(id, base.Input):
                super().__init__(id.id, id.display_name, id.optional, id.tooltip, id.lazy, **own)
            else:
                super().__init__(id, **own)
            self.names = [one.io_type for one in types]
            if self.widget is not None and self.widget.get_io_type() not in self.names:
                self.names.insert(0, self.widget.get_io_type())

        def get_io_type(self) -> str:
            return ",".join(self.names)

        def as_dict(self) -> dict[str, Any]:
            own = super().as_dict()
            if self.widget is None:
                return own
            return {**self.widget.as_dict(), **own, "widgetType": self.widget.get_io_type()}


__all__ = [
    "Boolean",
    "Color",
    "Combo",
    "ControlAfterGenerate",
    "Float",
    "Int",
    "MultiCombo",
    "MultiType",
    "NumberDisplay",
    "RemoteOptions",
    "String",
    "UploadType",
]

"""``comfy_api.latest.ui``: what is shown on a node. Here is what needs no pictures library."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any


class FolderType(StrEnum):
    input = "input"
    output = "output"
    temp = "temp"


class SavedResult(dict[str, Any]):
    """A file that was written."""

    def __init__(self, filename: str, subfolder: str, type: FolderType | str) -> None:
        place = FolderType(type).value
        super().__init__(filename=filename, subfolder=subfolder, type=place)

    @property
    def filename(self) -> str:
        return str(self["filename"])

    @property
    def subfolder(self) -> str:
        return str(self["subfolder"])

    @property
    def type(self) -> FolderType:
        return FolderType(self["type"])


class SavedImages:
    def __init__(self, results: Sequence[Mapping[str, Any]], is_animated: bool = False) -> None:
        self.results = list(results)
        self.is_animated = is_animated

    def as_dict(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"images": self.results}
        return {**shown, "animated": (True,)} if self.is_animated else shown


class SavedAudios:
    def __init__(self, results: Sequence[Mapping[str, Any]]) -> None:
        self.results = list(results)

    def as_dict(self) -> dict[str, Any]:
        return {"audio": self.results}


class PreviewVideo:
    def __init__(self, values: Sequence[Mapping[str, Any]]) -> None:
        self.values = list(values)

    def as_dict(self) -> dict[str, Any]:
        return {"images": self.values, "animated": (True,)}


class PreviewText:
    def __init__(self, value: str) -> None:
        self.value = value

    def as_dict(self) -> dict[str, Any]:
        return {"text": (self.value,)}


class PreviewUI3D:
    def __init__(self, model_file: str, camera_info: Mapping[str, Any] | None = None) -> None:
        self.model_file = model_file
        self.camera_info = camera_info

    def as_dict(self) -> dict[str, Any]:
        return {"result": [self.model_file, self.camera_info]}


__all__ = [
    "FolderType",
    "PreviewText",
    "PreviewUI3D",
    "PreviewVideo",
    "SavedAudios",
    "SavedImages",
    "SavedResult",
]

"""Files that a node showed: whether they are still there."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.files.confine import PathRefused, confine
from engine.files.folders import PLACES, Folders


def files_exist(ui: Mapping[str, Sequence[Any]], folders: Folders) -> bool:
    """Whether all files among what was shown exist: a deleted picture is made again."""
    for items in ui.values():
        for item in items:
            names_file = isinstance(item, Mapping) and item.get("type") in PLACES
            if names_file and "filename" in item and not _exists(item, folders):
                return False
    return True


def _exists(item: Mapping[str, Any], folders: Folders) -> bool:
    root = folders.place(str(item["type"]))
    try:
        path = confine(root, f"{item.get('subfolder', '')}/{item['filename']}".lstrip("/"))
    except PathRefused:
        return False
    return path.is_file()

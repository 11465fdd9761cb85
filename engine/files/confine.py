"""The one function that turns a name given by a client into a path.

Every route and every node that reads or writes a file by a name from outside goes through
``confine``. What the name means (which root, which kind of file) is the caller's business.
"""

import re
from pathlib import Path

# Names that Windows gives to devices, with or without an extension.
_RESERVED = re.compile(r"^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)
_MAX_LENGTH = 1024
_MAX_PART = 255


class PathRefused(ValueError):
    """A client named a file that it may not reach. The text is a sentence for that client."""


def confine(root: Path, name: str) -> Path:
    """The real path of ``name`` below ``root``; ``root`` itself when ``name`` is empty.

    ``name`` uses ``/`` between folders. The file need not exist. ``root`` may be a symbolic link;
    links below it must not lead out of it.

    Raises:
        PathRefused: NUL or control characters, an absolute path, a drive, a UNC name, a backslash,
            ``..``, a reserved device name, an overlong name, or a link that leaves ``root``.
    """
    problem = _problem(name)
    if problem:
        raise PathRefused(f"The file name {_shown(name)} is refused: {problem}.")
    real_root = root.resolve()
    try:
        path = (real_root / name).resolve()
    except (OSError, RuntimeError) as error:
        raise PathRefused(f"The file name {_shown(name)} cannot be resolved.") from error
    if path != real_root and real_root not in path.parents:
        raise PathRefused(f"The file name {_shown(name)} is refused: it leads out of its folder.")
    return path


def _problem(name: str) -> str | None:
    """Why ``name`` is refused before the disk is looked at, or None."""
    if len(name) > _MAX_LENGTH:
        return f"it is longer than {_MAX_LENGTH} characters"
    if any(ord(c) < 32 or ord(c) == 127 or 0xD800 <= ord(c) <= 0xDFFF for c in name):
        return "it holds a control character or half of a character"
    if "\\" in name:
        return "it holds a backslash"
    if name.startswith(("/", "~")):
        return "it is not relative"
    if ":" in name:
        return "it holds a colon"
    for part in name.split("/"):
        if part == "..":
            return "it holds '..'"
        if part != part.rstrip(" .") and part != ".":
            return "a part of it ends in a dot or a space"
        if _RESERVED.match(part):
            return f"'{part}' is a reserved device name"
        if len(part.encode()) > _MAX_PART:
            return f"a part of it is longer than {_MAX_PART} bytes"
    return None


def _shown(name: str) -> str:
    return repr(name if len(name) <= 80 else name[:77] + "...")

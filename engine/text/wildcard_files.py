"""Lists of wildcards in a folder: text files of an entry a line, and JSON files of nested lists."""

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from engine.files.confine import PathRefused, confine
from engine.text.wildcards import Option

MAX_BYTES = 64 << 20
_WEIGHT = re.compile(r"((?:\d+(?:\.\d*)?|\.\d+))::", re.ASCII)


class WildcardFolder:
    """The lists below a folder, as they are when they are first asked for. A `Lists`.

    A list has the name of its text file without extension, with its folders before it; in a JSON
    file its keys are such folders. Names without folders are found in any folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lists: dict[str, list[Option]] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """All lists, sorted."""
        return tuple(sorted(self._all()))

    def options(self, name: str) -> Sequence[Option]:
        """See `Lists`; `*` stands for a name, `**` for any folders, too."""
        every = self._all()
        if name in every:
            return every[name]
        for pattern in (name, f"**/{name}"):
            shape = re.compile(_pattern(pattern))
            found = [
                option
                for known in sorted(every)
                if shape.fullmatch(known)
                for option in every[known]
            ]
            if found:
                return found
        return ()

    def _all(self) -> dict[str, list[Option]]:
        if self._lists is None:
            self._lists = {}
            for name, path in _files(self._root):
                if path.suffix.lower() == ".txt":
                    self._lists.setdefault(name, []).extend(_lines(path))
                else:
                    for inner, options in _tree(path):
                        self._lists.setdefault(inner, []).extend(options)
        return self._lists


def _pattern(name: str) -> str:
    """A pattern of names: `**/` any folders, `**` anything, `*` anything but a folder."""
    parts = re.split(r"(\*\*/|\*\*|\*)", name)
    said = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}
    return "".join(said.get(part) or re.escape(part) for part in parts)


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    """The files below `root` by their names without extension; links that lead out are left out."""
    for folder, below, files in os.walk(root):
        below.sort()
        for file in sorted(files):
            path = Path(folder) / file
            if path.suffix.lower() not in (".txt", ".json"):
                continue
            relative = path.relative_to(root).as_posix()
            try:
                path = confine(root, relative)
                if path.stat().st_size <= MAX_BYTES:
                    yield relative.rpartition(".")[0], path
            except (PathRefused, OSError):
                continue


def _lines(path: Path) -> list[Option]:
    try:
        text = path.read_text("utf-8-sig", errors="replace")
    except OSError:
        return []
    lines = (line.strip() for line in text.splitlines())
    return [Option(line) for line in lines if line and not line.startswith("#")]


def _tree(path: Path) -> Iterator[tuple[str, list[Option]]]:
    """The lists in nested tables; a file that is no JSON holds none."""
    try:
        root = json.loads(path.read_text("utf-8-sig", errors="replace"))
    except (OSError, ValueError, RecursionError):
        return
    todo: list[tuple[str, Any]] = [("", root)]
    while todo:
        name, value = todo.pop(0)
        if isinstance(value, dict):
            todo += [(f"{name}/{key}" if name else str(key), inner) for key, inner in value.items()]
        elif isinstance(value, list | str) and name:
            entries = value if isinstance(value, list) else [value]
            yield name, [_entry(entry.strip()) for entry in entries if isinstance(entry, str)]


def _entry(text: str) -> Option:
    match = _WEIGHT.match(text)
    return Option(text[match.end() :], float(match[1])) if match else Option(text)

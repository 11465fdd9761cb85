"""Writing files so that a reader, or a crash, never meets half of one."""

import os
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path


def write_atomic(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``, replacing what is there in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path.parent, data)
    try:
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def write_new(folder: Path, name: Callable[[int], str], data: bytes, start: int = 1) -> Path:
    """Write ``data`` under the first free of ``name(start)``, ``name(start + 1)``, ...

    Two writers never get the same name, and nothing is overwritten.
    """
    folder.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(folder, data)
    try:
        for number in count(start):
            path = folder / name(number)
            try:
                # A hard link fails when the name is taken; a rename would replace the file.
                os.link(temporary, path)
            except FileExistsError:
                continue
            return path
        raise AssertionError("count() does not end")
    finally:
        temporary.unlink(missing_ok=True)


def _temporary(folder: Path, data: bytes) -> Path:
    handle, name = tempfile.mkstemp(prefix=".part-", dir=folder)
    path = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        path.chmod(0o644)
    except OSError:  # a full disk is not made fuller
        path.unlink(missing_ok=True)
        raise
    return path

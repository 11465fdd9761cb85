"""Files that are written once, however often the work that writes them is tried.

A worker can be killed after it has written a picture and before anybody knows. The prompt is tried
again, and must not leave a second one. So the file is first written whole under the name of its
*claim* (which prompt, node and picture it is), then linked to the name that people see, which is
noted before. The link either is there or not, and whoever holds the claim can tell: both names are
one file.
"""

import contextlib
import os
import time
from collections.abc import Callable
from hashlib import blake2b
from itertools import count
from pathlib import Path

from engine.files.atomic import temporary, write_atomic

_FOLDER = ".saving"
_DAY = 24 * 60 * 60.0
# Nobody tries a prompt again after so long.
_LONG = 30 * _DAY


def write_once(
    root: Path, claim: str, path_of: Callable[[int], Path], data: bytes, start: int = 1
) -> Path:
    """Write ``data`` to the first free of ``path_of(start)``, ``path_of(start + 1)``, ...

    If ``claim`` was already written, that file stays as it is, and its path is given. Two claims
    never get the same path, and nothing is overwritten.

    Args:
        root: all paths are below it; claims are kept in it for a while.
    """
    staged = _place(root, path_of(start).parent) / blake2b(claim.encode()).hexdigest()[:32]
    note = staged.with_suffix(".name")
    earlier = _earlier(root, staged, note)
    if earlier is not None:
        return earlier
    try:
        _stage(staged, data)
        return _publish(root, staged, note, map(path_of, count(start)))
    except OSError:
        staged.unlink(missing_ok=True)  # a full disk is not made fuller
        raise


def sweep(root: Path) -> None:
    """Forget the claims that nobody will come back for, and those whose files were deleted."""
    with contextlib.suppress(FileNotFoundError), os.scandir(root / _FOLDER) as entries:
        for entry in entries:
            # Another worker may sweep, too.
            with contextlib.suppress(FileNotFoundError):
                _sweep_one(Path(entry.path))


def _place(root: Path, folder: Path) -> Path:
    """Where claims are kept: on the same disk as the files, because a link does not leave it."""
    folder.mkdir(parents=True, exist_ok=True)
    near = root if root.stat().st_dev == folder.stat().st_dev else folder
    return near / _FOLDER


def _earlier(root: Path, staged: Path, note: Path) -> Path | None:
    """The file that was written for a claim before."""
    try:
        path = root / note.read_text()
        return path if path.samefile(staged) else None
    except FileNotFoundError:
        return None


def _stage(staged: Path, data: bytes) -> None:
    part = temporary(staged.parent, data)
    try:
        # What an attempt that was cut off has left here is as good.
        with contextlib.suppress(FileExistsError):
            os.link(part, staged)
    finally:
        part.unlink()


def _publish(root: Path, staged: Path, note: Path, paths: "map[Path]") -> Path:
    for path in paths:
        write_atomic(note, path.relative_to(root).as_posix().encode())
        try:
            # A link fails when the name is taken; a rename would replace the file.
            os.link(staged, path)
        except FileExistsError:
            if not path.samefile(staged):
                continue
        return path
    raise AssertionError("numbers do not end")


def _sweep_one(path: Path) -> None:
    if path.suffix == ".name" and path.with_suffix("").exists():
        return  # goes with its file
    found = path.stat()
    age = time.time() - found.st_mtime
    if age > _LONG or (age > _DAY and found.st_nlink == 1):
        path.unlink()
        path.with_suffix(".name").unlink(missing_ok=True)

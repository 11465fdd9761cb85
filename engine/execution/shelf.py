"""A folder of files by name, within a budget of bytes, shared by any number of processes.

The file called ``ab12...`` lies in ``ab/``. Writers rename a finished file into place, so a reader
never meets half of one and two writers of one name do no harm. Nothing is synced: who reads knows
torn contents by their checksum. A file's time is when it was last read; the oldest leave first.
"""

import os
import stat
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# What a writer that died has left is swept away after this many seconds.
_ABANDONED = 3600.0
_PART = ".part-"
# Sweeping frees more than is needed, so that it is not needed again at once.
_LOW_WATER = 7 / 8
# Others write here, too: after this many files of our own we look at the folder again.
_LOOK_EVERY = 64


@dataclass(frozen=True, slots=True)
class _Found:
    used: float
    size: int
    path: str


class Shelf:
    """One process's view of the folder.

    Any thread may ``read`` and ``delete``; one thread may ``write`` and ``sweep``.

    Args:
        budget: bytes that the files may take together. Several processes that write at once may
            pass it by what they write between two looks at the folder.
        limit: bytes of the largest file that is read; a longer one is none of ours.
    """

    def __init__(self, folder: Path, budget: int, limit: int) -> None:
        self.folder = folder
        self.budget = budget
        self.limit = limit
        self._taken: int | None = None
        self._written = 0

    def path(self, name: str) -> Path:
        return self.folder / name[:2] / name

    def has(self, name: str) -> bool:
        """Whether there is something called ``name``; that it is sound only reading tells."""
        return os.access(f"{self.folder}/{name[:2]}/{name}", os.R_OK)

    def read(self, name: str) -> bytes | None:
        """The contents of ``name``, which counts as used now; None where there is no such file.

        Raises:
            OSError: it is there, but is no file of ours or cannot be read.
        """
        # As a text, and opened at once: most questions are for what is not there.
        path = f"{self.folder}/{name[:2]}/{name}"
        try:
            handle = os.open(path, _READ_FLAGS)
        except FileNotFoundError:
            return None
        with os.fdopen(handle, "rb") as file:
            state = os.fstat(handle)
            if not stat.S_ISREG(state.st_mode) or state.st_size > self.limit:
                raise OSError(f"{path} is not a file of this cache.")
            data = file.read(self.limit + 1)
        with suppress(OSError):  # another process may have deleted it meanwhile; we have it
            os.utime(path)
        return data

    def write(self, name: str, data: bytes) -> None:
        """Put ``data`` under ``name``, after the oldest files have made room for it.

        What is larger than the whole budget is not written.

        Raises:
            OSError: it could not be written; nothing is left of it.
        """
        if len(data) > self.budget * _LOW_WATER:
            return
        if self._taken is None or self._written >= _LOOK_EVERY or self._full(len(data)):
            self.sweep(len(data))
        path = self.path(name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=_PART, dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(temporary).replace(path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
        self._taken = (self._taken or 0) + len(data)
        self._written += 1

    def delete(self, name: str) -> None:
        """Remove ``name`` if it is there and can be removed."""
        with suppress(OSError):
            self.path(name).unlink()

    def sweep(self, room: int = 0) -> None:
        """Look at the whole folder and delete the oldest files until ``room`` bytes are free."""
        found = sorted(self._files(), key=lambda file: (file.used, file.path))
        taken = sum(file.size for file in found)
        if taken + room > self.budget:
            for file in found:
                if taken + room <= self.budget * _LOW_WATER:
                    break
                with suppress(OSError):
                    Path(file.path).unlink()
                    taken -= file.size
        self._taken = taken
        self._written = 0

    def _full(self, size: int) -> bool:
        return (self._taken or 0) + size > self.budget

    def _files(self) -> list[_Found]:
        """The files of all our sub-folders; parts that nobody will finish are deleted."""
        found = []
        for folder in _scan(self.folder):
            if len(folder.name) != 2 or not folder.is_dir(follow_symlinks=False):
                continue
            for file in _scan(folder.path):
                with suppress(OSError):  # deleted by another process since it was listed
                    state = file.stat(follow_symlinks=False)
                    if not file.name.startswith(_PART):
                        found.append(_Found(state.st_mtime, state.st_size, file.path))
                    elif time.time() - state.st_mtime > _ABANDONED:
                        Path(file.path).unlink()
        return found


# Links are not followed, and opening a pipe that somebody put here must not wait for its writer.
_READ_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
)


def _scan(folder: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []  # not there yet, or gone

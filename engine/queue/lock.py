"""One server per queue: two dispatchers on one database would run each other's jobs again."""

import os
import sys
from pathlib import Path
from typing import BinaryIO

from engine.queue.schema import StoreError


def hold(path: Path) -> BinaryIO:
    """Take the lock file ``path`` for the life of this process, or until the file is closed.

    The system gives the lock back when the process ends, however it ends.

    Raises:
        StoreError: another process holds it, or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b")
    except OSError as error:
        raise StoreError(
            f"The folder {path.parent} cannot be written: {error.strerror}."
        ) from error
    try:
        _lock(file)
    except OSError as error:
        file.close()
        raise StoreError(
            f"Another server uses the folder {path.parent}. Stop it, or give this one another "
            "--user-directory."
        ) from error
    return file


def _lock(file: BinaryIO) -> None:
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - exists on this platform only

        file.seek(0, os.SEEK_SET)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl  # noqa: PLC0415 - exists on these platforms only

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

"""Writing files so that a reader, or a crash, never meets half of one."""

import os
import tempfile
from pathlib import Path


def write_atomic(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``, replacing what is there in one step."""
    part = temporary(path.parent, data)
    try:
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def temporary(folder: Path, data: bytes) -> Path:
    """A new file in ``folder`` with ``data``, safely on the disk; its name begins with a dot."""
    folder.mkdir(parents=True, exist_ok=True)
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

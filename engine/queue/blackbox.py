"""What a worker is at, written where it survives the worker.

Events wait some milliseconds for company before they go to the server, and a process may die
within them. So the node that began last is also put into a small file in memory, which costs less
than a microsecond and no call of the system. Who finds the worker dead reads it there.
"""

import contextlib
import json
import mmap
import os
import tempfile
import threading
from pathlib import Path

Attempt = tuple[str, int]
# Where a worker finds the path of its file.
VARIABLE = "PATCHBAY_BLACKBOX"
_SIZE = 8192
# One byte says which half counts; a half is a length and as much JSON.
_HALF = (_SIZE - 2) // 2
_LENGTH = 2


class Recorder:
    """The worker's side. Any thread may write."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        with Path(path).open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _SIZE)
        self._at: dict[str, str] = {}
        self._half = 0
        self._lock = threading.Lock()

    def begins(self, attempt: Attempt, node_id: str) -> None:
        """A node of an attempt begins."""
        with self._lock:
            self._at[_name(attempt)] = node_id
            self._write()

    def ends(self, attempt: Attempt) -> None:
        """An attempt is over."""
        with self._lock:
            if self._at.pop(_name(attempt), None) is not None:
                self._write()

    def _write(self) -> None:
        # The half that does not count is written, then it counts: whenever the process dies, one of
        # them is whole.
        text = json.dumps(self._at).encode()
        if len(text) > _HALF - _LENGTH:
            text = b"{}"
        self._half = 1 - self._half
        begin = 1 + self._half * _HALF
        self._memory[begin : begin + _LENGTH] = len(text).to_bytes(_LENGTH, "big")
        self._memory[begin + _LENGTH : begin + _LENGTH + len(text)] = text
        self._memory[0] = self._half


class BlackBox:
    """The server's side, one for each worker process. Close it when the process has ended."""

    def __init__(self) -> None:
        handle, path = tempfile.mkstemp(prefix="patchbay-")
        os.ftruncate(handle, _SIZE)
        self.path = Path(path)
        self._file = os.fdopen(handle, "rb", buffering=0)

    def hide(self) -> None:
        """The worker has opened the file: take its name away, so that a server that is killed
        leaves nothing behind.
        """
        with contextlib.suppress(OSError):  # some systems keep the names of open files
            self.path.unlink(missing_ok=True)

    def nodes(self) -> dict[Attempt, str]:
        """The node that began last, by attempt; nothing that cannot be read."""
        try:
            self._file.seek(0)
            memory = self._file.read()
            begin = 1 + memory[0] * _HALF + _LENGTH
            length = int.from_bytes(memory[begin - _LENGTH : begin], "big")
            found = json.loads(memory[begin : begin + length] or b"{}")
            return {_attempt(name): str(node_id) for name, node_id in found.items()}
        # A process that dies badly may have written anything anywhere.
        except (OSError, ValueError, IndexError, AttributeError):
            return {}

    def close(self) -> None:
        self._file.close()
        self.hide()


def _name(attempt: Attempt) -> str:
    job, number = attempt
    return f"{number} {job}"


def _attempt(name: str) -> Attempt:
    number, _, job = name.partition(" ")
    return job, int(number)

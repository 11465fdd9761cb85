"""The disk tier: what took longer to compute than it takes to read survives a restart.

Conditioning, latents, images and masks are kept; models and handles never (``encoded.py`` says
what can be written). Writing happens in a thread of its own and never holds up a node; what comes
faster than it can be written is not kept. Nothing that is wrong with the folder is an error: a
file that cannot be read is a miss and is deleted, a disk that is full keeps nothing more.
"""

import logging
import queue
import time
from hashlib import blake2b
from pathlib import Path
from threading import Lock, Thread

from engine.execution.cache import Entry
from engine.execution.encoded import Encoded, Unsound, Unstorable, encode, pack, unpack
from engine.execution.shelf import Shelf
from engine.graph.keys import Key

_log = logging.getLogger(__name__)

# What is computed faster than this is not worth a file, however small.
MIN_SECONDS = 0.25
# What is larger would push out too much else, and blocks whoever reads it.
MAX_BYTES = 64 << 20
# Bytes a second of reading, checking and decoding, until it has been measured: a slow disk.
_FIRST_RATE = 200e6
# Shorter reads measure the opening of a file.
_MEASURED_FROM = 1 << 20
# Values that wait to be written stay in memory: more than this do not wait. Each counts as at least
# a file's block or two, so that their number is bounded, too.
WAITING_BYTES = 256 << 20
_LEAST = 64 << 10
# A file is a little longer than what is in it.
_HEADROOM = 1 << 20


def worth_keeping(seconds: float, size: int, rate: float) -> bool:
    """Whether ``size`` bytes that took ``seconds`` to compute belong on a disk of this ``rate``."""
    return seconds >= MIN_SECONDS and size <= MAX_BYTES and seconds > size / rate


class DiskCache:
    """Entries on disk, shared by the worker processes of a machine. Any thread may call it.

    Args:
        budget: bytes that the folder may take.
        salt: what besides its key an entry depends on, such as the versions of the code and the
            kind of device; entries of another salt are not found.
        waiting: bytes that may wait to be written; what comes while so much waits is not kept.
    """

    def __init__(
        self, folder: Path, budget: int, salt: str = "", waiting: int = WAITING_BYTES
    ) -> None:
        self._shelf = Shelf(folder, budget, MAX_BYTES + _HEADROOM)
        self._salt = salt
        self._rate = _FIRST_RATE
        self._lock = Lock()
        self._room = waiting
        self._complained = False
        self._waiting: queue.Queue[tuple[Key, Encoded] | None] = queue.Queue()
        self._writer = Thread(target=self._write_all, name="cache writer", daemon=True)
        self._writer.start()

    def __contains__(self, key: object) -> bool:
        return self._shelf.has(self._name(str(key)))

    def get(self, key: Key) -> Entry | None:
        """The entry of ``key`` if there is a sound one."""
        name = self._name(key)
        start = time.perf_counter()
        try:
            data = self._shelf.read(name)
            entry = None if data is None else unpack(data, key)
        except (OSError, Unsound) as error:
            _log.warning("A file of the result cache was unusable and is dropped: %s", error)
            self._shelf.delete(name)
            return None
        if data is not None and len(data) >= _MEASURED_FROM:
            measured = len(data) / max(time.perf_counter() - start, 1e-6)
            self._rate += (measured - self._rate) / 4
        return entry

    def offer(self, key: Key, entry: Entry) -> None:
        """Write ``entry`` some time soon, if it can and ought to be kept."""
        if entry.seconds < MIN_SECONDS or entry.ui is not None:
            return
        try:
            encoded = encode(key, entry)
        except Unstorable:
            return
        if not worth_keeping(entry.seconds, encoded.bytes, self._rate):
            return
        with self._lock:
            if _weight(encoded) > self._room:
                return
            self._room -= _weight(encoded)
        self._waiting.put((key, encoded))

    def drop(self, key: Key) -> None:
        self._shelf.delete(self._name(key))

    def flush(self) -> None:
        """Wait until all that was offered is written."""
        self._waiting.join()

    def close(self) -> None:
        """Write what still waits, then stop."""
        if self._writer.is_alive():
            self._waiting.put(None)
            self._writer.join()

    def _name(self, key: Key) -> str:
        return blake2b(f"{self._salt}\0{key}".encode(), digest_size=20).hexdigest()

    def _write_all(self) -> None:
        self._shelf.sweep()
        while (item := self._waiting.get()) is not None:
            key, encoded = item
            try:
                self._write(self._name(key), encoded)
            except OSError as error:
                self._complain(error)
            finally:
                with self._lock:
                    self._room += _weight(encoded)
                self._waiting.task_done()
        self._waiting.task_done()

    def _write(self, name: str, encoded: Encoded) -> None:
        # Another worker may have been faster; the same key is the same contents.
        if not self._shelf.has(name):
            self._shelf.write(name, pack(encoded))

    def _complain(self, error: OSError) -> None:
        if not self._complained:
            self._complained = True
            _log.warning(
                "Results cannot be kept on disk in %s (%s); they are kept in memory only. "
                "Free some space there, choose another folder with --cache-dir, or turn this off "
                "with --cache-disk 0.",
                self._shelf.folder,
                error.strerror or error,
            )


def _weight(encoded: Encoded) -> int:
    return max(encoded.bytes, _LEAST)

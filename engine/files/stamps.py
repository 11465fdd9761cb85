"""What a file holds, in one short text: two files with equal contents have equal stamps.

A file is read again only when its size, its time or the file itself (its inode) has changed. So a
picture that is copied in once more under its name keeps its results, and one that is replaced by
another of the same length does not.
"""

import json
import os
import time
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from engine.files.atomic import write_atomic

# Larger files are weights: reading all of them would take longer than what their stamp saves.
BIG = 64 << 20
# Of a big file this much of its beginning and of its end is read, and its size and time count, too.
# A big file that is only touched is therefore another one: its results are computed again.
_SAMPLE = 1 << 20
_CHUNK = 1 << 20
# A file written again within the clock's grain keeps its time: coarsest is FAT with two seconds.
_GRAIN_NS = 2_000_000_000
_MAX_FILE = 16 << 20


@dataclass(frozen=True, slots=True)
class _State:
    size: int
    mtime_ns: int
    inode: int


class Stamps:
    """The stamps of the files that were asked for last. Any thread may call it.

    Args:
        memo: a file to remember them in, so that a restart does not read everything again; one
            that is damaged is taken for empty.
        limit: how many files are remembered.
    """

    def __init__(self, memo: Path | None = None, limit: int = 8192) -> None:
        self._memo = memo
        self._limit = limit
        self._lock = Lock()
        self._known: OrderedDict[str, tuple[_State, str]] = _load(memo)
        self._unsaved = False

    def of(self, path: Path) -> str:
        """The stamp of the file at ``path``.

        Raises:
            OSError: it is not there, cannot be read, or is a folder.
        """
        name = str(path)
        # Looked at before it is opened: a file that has not changed is not touched.
        state = _state(path.stat())
        with self._lock:
            known = self._known.get(name)
            if known is not None and known[0] == state:
                self._known.move_to_end(name)
                return known[1]
        with path.open("rb") as file:
            before = _state(os.fstat(file.fileno()))
            stamp = _stamp(file, before)
            unchanged = before == _state(os.fstat(file.fileno()))
        if unchanged and abs(time.time_ns() - before.mtime_ns) > _GRAIN_NS:
            self._remember(name, before, stamp)
        return stamp

    def save(self) -> None:
        """Write what is new into the memo.

        Raises:
            OSError: it cannot be written.
        """
        with self._lock:
            if self._memo is None or not self._unsaved:
                return
            rows = {
                name: [state.size, state.mtime_ns, state.inode, stamp]
                for name, (state, stamp) in self._known.items()
            }
            self._unsaved = False
        write_atomic(self._memo, json.dumps(rows).encode())

    def _remember(self, name: str, state: _State, stamp: str) -> None:
        with self._lock:
            self._known[name] = (state, stamp)
            self._known.move_to_end(name)
            self._unsaved = True
            while len(self._known) > self._limit:
                self._known.popitem(last=False)


def _state(found: os.stat_result) -> _State:
    return _State(found.st_size, found.st_mtime_ns, found.st_ino)


def _stamp(file: BinaryIO, state: _State) -> str:
    digest = blake2b(digest_size=16)
    if state.size <= BIG:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
        return digest.hexdigest()
    digest.update(f"{state.size}:{state.mtime_ns}:".encode())
    digest.update(file.read(_SAMPLE))
    file.seek(-_SAMPLE, os.SEEK_END)
    digest.update(file.read(_SAMPLE))
    return digest.hexdigest()


def _load(memo: Path | None) -> OrderedDict[str, tuple[_State, str]]:
    try:
        if memo is None or memo.stat().st_size > _MAX_FILE:
            return OrderedDict()
        rows = json.loads(memo.read_bytes())
    except (OSError, ValueError, RecursionError):
        return OrderedDict()
    found: OrderedDict[str, tuple[_State, str]] = OrderedDict()
    for name, row in rows.items() if isinstance(rows, dict) else ():
        match row:
            case [int() as size, int() as mtime_ns, int() as inode, str() as stamp]:
                found[name] = (_State(size, mtime_ns, inode), stamp)
    return found

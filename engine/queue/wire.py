"""A worker's end of the pipes: frames out under a lock, frames in, and the way out.

Events may wait some milliseconds for company: a frame for each, with a call of the system and a
server that wakes up for it, takes longer than a trivial node. Who was at work when a process dies
is known all the same (``blackbox.py``).
"""

import contextlib
import io
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

from engine.queue.blackbox import Attempt
from engine.queue.protocol import Frame, ProtocolError, pack, read
from engine.queue.told import Told, pack_events

# Seconds that an event may wait for company, and characters of company that are enough.
_PATIENCE = 0.004
_ENOUGH = 64 * 1024
_ROOM = 2**20


class Wire:
    """The way to the server. Nodes report from several threads, so sending has a lock."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._waiting: list[tuple[Attempt, Told]] = []
        self._size = 0
        self._some = threading.Event()
        threading.Thread(target=self._flush_forever, name="events", daemon=True).start()

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a frame, after the events that wait."""
        self.send_packed(pack(message))

    def send_packed(self, frame: bytes) -> None:
        with self._lock:
            self._write(frame)

    def tell(self, attempt: Attempt, event: Told) -> None:
        """Send an event of an attempt, soon. What was given first is sent first."""
        with self._lock:
            self._waiting.append((attempt, event))
            self._size += len(event.text) + len(event.image)
            if self._size > _ENOUGH:
                self._write()
            elif len(self._waiting) == 1:
                self._some.set()

    def _flush_forever(self) -> None:
        while True:
            self._some.wait()
            time.sleep(_PATIENCE)
            self._some.clear()
            with self._lock:
                if self._waiting:  # else somebody was faster
                    self._write()

    def _write(self, frame: bytes = b"") -> None:
        """Write what waits, and a frame. The caller holds the lock.

        Without a server there is nothing left to do, and the process ends.
        """
        waiting, self._waiting, self._size = self._waiting, [], 0
        frames = [
            pack_events(job, attempt, [event for _, event in some])
            for (job, attempt), some in groupby(waiting, lambda one: one[0])
        ]
        try:
            self._stream.write(b"".join((*frames, frame)))
            self._stream.flush()
        except OSError:
            leave()


def take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The process's stdin and stdout for ourselves; others read nothing and print to stderr."""
    sys.stdout.flush()
    incoming, outgoing = os.dup(0), os.dup(1)
    _widen(outgoing)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    return os.fdopen(incoming, "rb"), os.fdopen(outgoing, "wb")


def _widen(pipe: int) -> None:
    """Let a pipe hold what a job with thousands of outputs tells, so that nobody waits for the
    server to take it. Only Linux lets programs choose.
    """
    if sys.platform == "linux":
        import fcntl  # noqa: PLC0415 - other systems have no such module

        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _ROOM)


def read_forever(incoming: BinaryIO, take: Callable[[Frame], None]) -> None:
    """Give each frame to ``take``; when the server has gone, end the process."""
    while True:
        try:
            frame = read(incoming)
        except (OSError, ProtocolError) as error:
            print(f"The worker lost its server: {error}.", file=sys.stderr)
            frame = None
        if frame is None:
            leave()
        else:
            take(frame)


def leave() -> None:
    """End at once, in whatever the other threads are: nobody is there to take their results."""
    sys.stderr.flush()
    os._exit(0)

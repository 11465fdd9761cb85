"""A worker's end of the pipes: frames out under a lock, frames in, and the way out."""

import io
import os
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from engine.queue.protocol import Frame, ProtocolError, pack, read


class Wire:
    """The way to the server. Nodes report from several threads, so sending has a lock."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, message: Mapping[str, Any], blob: bytes = b"") -> None:
        """Send a frame; without a server there is nothing left to do, and the process ends."""
        data = pack(message, blob)
        try:
            with self._lock:
                self._stream.write(data)
                self._stream.flush()
        except OSError:
            leave()


def take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The process's stdin and stdout for ourselves; others read nothing and print to stderr."""
    sys.stdout.flush()
    incoming, outgoing = os.dup(0), os.dup(1)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    return os.fdopen(incoming, "rb"), os.fdopen(outgoing, "wb")


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

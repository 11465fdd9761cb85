"""States of long nodes on disk, so that a retry goes on from where the last attempt was cut off.

What a state is, only its node knows; here it is bytes under a key. A state that cannot be kept
costs time after a crash and nothing else, so no failure of the disk reaches the node.
"""

import argparse
import logging
import math
import threading
import time
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

from engine.files.atomic import write_atomic

# Seconds between the states that are taken of one key, unless somebody asks for others.
CHECKPOINT_INTERVAL = 5.0
# Seconds after which nobody will come back for a state.
_OLD = 24 * 60 * 60.0

logger = logging.getLogger(__name__)


def add_checkpoint_flag(parser: argparse.ArgumentParser) -> None:
    """How often the states are taken, for the command lines of the server and its workers."""
    parser.add_argument(
        "--checkpoint-interval",
        type=_seconds,
        default=CHECKPOINT_INTERVAL,
        metavar="SECONDS",
        help="between the states from which an interrupted sampling goes on (0: after each step)",
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not math.isfinite(seconds) or seconds < 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds")
    return seconds


class Checkpoints:
    """Keeps the latest state by key in ``folder``, which workers of one machine may share.

    Disks are slow and a device is dear: the thread that offers a state makes its bytes and goes on,
    another one writes them.
    """

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], float] = time.time,
        interval: float = CHECKPOINT_INTERVAL,
    ) -> None:
        """Removes states that are more than a day old.

        Args:
            clock: seconds since the epoch.
            interval: seconds between the states that are taken of one key; 0 takes all.
        """
        self._folder = folder
        self._clock = clock
        self._interval = interval
        self._changed = threading.Condition()
        # When each key was last looked for or taken.
        self._times: dict[str, float] = {}
        # What the disk does not have yet: the latest state, or None for "remove".
        self._waiting: dict[str, bytes | None] = {}
        self._closed = False
        self._failing = False
        self._swept = clock()
        self._sweep()
        self._writer = threading.Thread(target=self._write_all, name="checkpoints", daemon=True)
        self._writer.start()

    def load(self, key: str) -> bytes | None:
        """The state that an earlier attempt kept under ``key``. From now on ``interval`` counts."""
        now = self._clock()
        with self._changed:
            self._times[key] = now
            overdue = now - self._swept > _OLD
            if overdue:
                self._swept = now
                self._times = {k: t for k, t in self._times.items() if now - t <= _OLD}
            if key in self._waiting:
                return self._waiting[key]
        if overdue:
            self._sweep()
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            logger.warning("A kept state cannot be read (%s); its node starts anew.", error)
            return None

    def offer(self, key: str, make_state: Callable[[], bytes]) -> None:
        """Take a state when the last one is ``interval`` old. Calls ``make_state`` now or never."""
        now = self._clock()
        with self._changed:
            last = self._times.get(key)
            # A clock that was set back must not stop states from being taken.
            if last is not None and 0 <= now - last < self._interval:
                return
            self._times[key] = now
        self._hand_over(key, make_state())

    def drop(self, key: str) -> None:
        """Forget the state of a node that has finished. Costs nothing when it never had one."""
        with self._changed:
            if self._times.pop(key, None) is None:
                return
        self._hand_over(key, None)

    def close(self) -> None:
        """Finish writing and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._writer.join()

    def _hand_over(self, key: str, data: bytes | None) -> None:
        with self._changed:
            # To the end of the queue: a key that is often offered does not hold up the others.
            self._waiting.pop(key, None)
            self._waiting[key] = data
            self._changed.notify()

    def _write_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                key, data = next(iter(self._waiting.items()))
            self._write(key, data)
            with self._changed:
                if self._waiting[key] is data:
                    del self._waiting[key]

    def _write(self, key: str, data: bytes | None) -> None:
        try:
            if data is None:
                self._path(key).unlink(missing_ok=True)
            else:
                write_atomic(self._path(key), data)
        except OSError as error:
            if not self._failing:
                logger.warning(
                    "States of long nodes cannot be kept in %s (%s): after a crash they would "
                    "start anew. Make room on the disk, or make the folder writable.",
                    self._folder,
                    error,
                )
            self._failing = True
        else:
            self._failing = False

    def _path(self, key: str) -> Path:
        return self._folder / f"{blake2b(key.encode(), digest_size=16).hexdigest()}.state"

    def _sweep(self) -> None:
        """Remove what is too old, parts of files that a crash left behind among it."""
        try:
            paths = list(self._folder.iterdir())
        except OSError:
            return  # there is none yet; if it is out of reach, writing will say so
        for path in paths:
            try:
                if self._clock() - path.stat().st_mtime > _OLD:
                    path.unlink()
            except OSError as error:
                # Another worker may have removed it, and the next sweep comes.
                logger.debug("%s was not removed: %s", path, error)

"""One local worker process as the server sees it: started, spoken to, watched, ended."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from engine.queue.blackbox import VARIABLE, Attempt, BlackBox
from engine.queue.protocol import Frame, Pieces, ProtocolError, pack

# Bytes of frames that may wait to be read before the pipe is left to fill.
_BUFFER = 2**20


class WorkerProcess:
    """A started worker. ``frames`` must be read by somebody until it ends.

    Attributes:
        last_nodes: after ``closed``, the node that began last in each attempt that was not over.
    """

    def __init__(self, process: asyncio.subprocess.Process, box: BlackBox) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("a worker needs pipes for its stdin and stdout")
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout
        self.closed = asyncio.Event()
        self._box = box
        self.last_nodes: Mapping[Attempt, str] = {}

    @classmethod
    async def start(cls, command: Sequence[str]) -> "WorkerProcess":
        """Start ``command`` in a session of its own, so that Ctrl-C does not reach it.

        Raises:
            OSError: it cannot be started.
        """
        box = BlackBox()
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=_BUFFER,
                env={**worker_environment(), VARIABLE: str(box.path)},
                start_new_session=True,
            )
        except OSError:
            box.close()
            raise
        return cls(process, box)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """What the worker says, until it ends. Then ``closed`` is set and the process is gone."""
        pieces = Pieces()
        try:
            while piece := await self._stdout.read(_BUFFER):
                for frame in pieces.feed(piece):
                    self._box.hide()  # whoever speaks has opened it
                    yield frame
        except (OSError, ProtocolError):
            self.kill()
        finally:
            await self._ended()

    def send(self, message: Mapping[str, Any]) -> None:
        """Tell the worker something, without waiting; one that has ended hears nothing."""
        self.send_packed(pack(message))

    def send_packed(self, frame: bytes) -> None:
        """The same for a frame that is bytes already."""
        if not self._stdin.is_closing():
            self._stdin.write(frame)

    def kill(self) -> None:
        """End the worker now, whatever it does."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    def how_it_ended(self) -> str:
        """A clause such as ``was killed by signal 9 (SIGKILL)``; after ``closed``."""
        code = self._process.returncode
        if code is None:
            return "is still running"
        if code >= 0:
            return f"ended with exit code {code}"
        name = signal.Signals(-code).name if -code in set(signal.Signals) else "unknown"
        hint = ", which is also how the system ends programs when memory runs out"
        return f"was killed by signal {-code} ({name}{hint if -code == 9 else ''})"

    async def _ended(self) -> None:
        """The pipe is closed: give the process a moment to go by itself, then make it."""
        try:
            await asyncio.wait_for(self._process.wait(), 2)
        except TimeoutError:
            self.kill()
            await self._process.wait()
        self._stdin.close()
        self.last_nodes = self._box.nodes()
        self._box.close()
        self.closed.set()


def worker_environment() -> dict[str, str]:
    """What a worker inherits. Nothing it imports may go to the network or report usage."""
    quiet = {"HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
    return {**os.environ, **quiet}

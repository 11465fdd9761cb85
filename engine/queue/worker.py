"""The worker process: it runs jobs one after another for the server that started it.

Its real stdin and stdout carry frames (``protocol.py``); prints of nodes go to stderr, which is the
server's log. It knows nothing of torch: ``main`` is given a function that makes the engine.
When its stdin closes, the server is gone, and so is the worker.
"""

import io
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from engine.execution.job import Cancel, Event, Job, Outcome
from engine.formats.api import read_prompt
from engine.graph.catalogue import Catalogue
from engine.queue.endings import job_error
from engine.queue.protocol import Frame, ProtocolError, pack, read


class Engine(Protocol):
    """What a worker runs jobs with."""

    @property
    def catalogue(self) -> Catalogue:
        """The node classes that can be run."""

    def device_facts(self) -> Mapping[str, Any]:
        """``{"pytorch_version": str, "devices": [...]}``, as ``/system_stats`` shows them now."""

    def run(self, job: Job, emit: Callable[[Event], None], cancel: Cancel) -> Outcome:
        """Run a job to its end; ``emit`` may be called from any thread."""

    def free(self, *, unload_models: bool, free_memory: bool) -> None:
        """Give memory back between jobs; ``free_memory`` drops cached results, too."""


def main(make_engine: Callable[[], Engine]) -> int:
    """Run a worker until the server goes; the exit code.

    ``make_engine`` does the slow imports. It is called after stdin and stdout are in safety, so
    that nothing that is printed on the way is taken for a frame.
    """
    incoming, outgoing = _take_pipes()
    # Ctrl-C in the terminal is for the server, which then stops its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    wire = _Wire(outgoing)
    jobs: queue.SimpleQueue[Frame] = queue.SimpleQueue()
    cancels = _Cancels()
    # Reading starts before the imports: a server that dies meanwhile takes the worker with it.
    threading.Thread(
        target=_read_forever, args=(incoming, jobs, cancels), name="server", daemon=True
    ).start()
    try:
        engine = make_engine()
        ready = {"catalogue": engine.catalogue.to_json(), "device": engine.device_facts()}
    except Exception as error:  # noqa: BLE001 - whatever it is, people must get to see it
        traceback.print_exc()
        wire.send({"kind": "failed", "message": f"{type(error).__name__}: {error}"})
        return 1
    wire.send({"kind": "ready", **ready})
    while True:
        frame = jobs.get()
        if frame.kind == "run":
            _run(engine, frame, cancels, wire)
        elif frame.kind == "free":
            engine.free(
                unload_models=bool(frame.message.get("unload_models")),
                free_memory=bool(frame.message.get("free_memory")),
            )
        wire.send({"kind": "device", "device": engine.device_facts()})


class _Wire:
    """The way to the server. Nodes report from several threads, so sending has a lock."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, message: Mapping[str, Any], blob: bytes = b"") -> None:
        data = pack(message, blob)
        try:
            with self._lock:
                self._stream.write(data)
                self._stream.flush()
        except OSError:
            _leave()


class _Cancels:
    """The cancel flags of the attempts that the server has sent and that have not ended."""

    def __init__(self) -> None:
        self._flags: dict[tuple[str, int], Cancel] = {}
        self._lock = threading.Lock()

    def flag(self, attempt: tuple[str, int]) -> Cancel:
        with self._lock:
            return self._flags.setdefault(attempt, Cancel())

    def drop(self, attempt: tuple[str, int]) -> None:
        with self._lock:
            self._flags.pop(attempt, None)

    def cancel(self, attempt: tuple[str, int]) -> None:
        """Raise the flag of an attempt; one that has ended meanwhile has none any more."""
        with self._lock:
            if attempt in self._flags:
                self._flags[attempt].set()


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The process's stdin and stdout for ourselves; others read nothing and print to stderr."""
    sys.stdout.flush()
    incoming, outgoing = os.dup(0), os.dup(1)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    return os.fdopen(incoming, "rb"), os.fdopen(outgoing, "wb")


def _read_forever(incoming: BinaryIO, jobs: "queue.SimpleQueue[Frame]", cancels: _Cancels) -> None:
    while True:
        try:
            frame = read(incoming)
        except (OSError, ProtocolError) as error:
            print(f"The worker lost its server: {error}.", file=sys.stderr)
            frame = None
        if frame is None:
            _leave()
        elif frame.kind == "cancel":
            cancels.cancel(_attempt(frame))
        else:
            if frame.kind == "run":
                cancels.flag(_attempt(frame))
            jobs.put(frame)


def _leave() -> None:
    """End at once, in whatever the main thread is: nobody is there to take its result."""
    sys.stderr.flush()
    os._exit(0)


def _attempt(frame: Frame) -> tuple[str, int]:
    return str(frame.message["job"]), int(frame.message["attempt"])


def _run(engine: Engine, frame: Frame, cancels: _Cancels, wire: _Wire) -> None:
    attempt = _attempt(frame)
    head = {"job": attempt[0], "attempt": attempt[1]}

    def emit(event: Event) -> None:
        message = {"kind": "event", **head, "type": event.type, "data": event.data}
        wire.send(message, event.blob or b"")

    try:
        outcome = engine.run(_job(frame), emit, cancels.flag(attempt))
    except Exception as error:  # noqa: BLE001 - a fault of the engine must not be tried again
        traceback.print_exc()
        outcome = _engine_failed(attempt[0], error)
        emit(Event("execution_error", outcome.messages[0][1]))
    cancels.drop(attempt)
    wire.send(
        {
            "kind": "outcome",
            **head,
            "status": outcome.status,
            "outputs": outcome.outputs,
            "meta": outcome.meta,
            "messages": outcome.messages,
        }
    )


def _job(frame: Frame) -> Job:
    message = frame.message
    graph = read_prompt(message["prompt"])
    return Job(str(message["job"]), graph, tuple(message["outputs"]), message["extra"])


def _engine_failed(prompt_id: str, error: Exception) -> Outcome:
    data = job_error(
        prompt_id,
        message=f"The engine failed outside of any node: {error}",
        type_=type(error).__name__,
        trace=traceback.format_exception(error),
    )
    return Outcome("error", {}, {}, [["execution_error", data]])

"""The worker process: it runs jobs and answers questions for the server that started it.

Its real stdin and stdout carry frames (``protocol.py``); prints of nodes go to stderr, which is the
server's log. It knows nothing of torch: ``main`` is given a function that makes the engine.
When its stdin closes, the server is gone, and so is the worker.

Each attempt runs in a thread of its own, because two may overlap: how many, the server decides.
Questions are answered beside them. To give memory back waits until nothing runs.
"""

import os
import queue
import signal
import threading
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Protocol

from engine.execution.job import Cancel, Event, Job, Outcome
from engine.graph.catalogue import Catalogue
from engine.queue.blackbox import VARIABLE, Attempt, Recorder
from engine.queue.endings import job_error
from engine.queue.graphs import Receiver
from engine.queue.jsontext import dumps
from engine.queue.outcome import pack_outcome
from engine.queue.protocol import Frame
from engine.queue.pulse import Pulse
from engine.queue.results import Result
from engine.queue.told import Told
from engine.queue.wire import Wire, read_forever, take_pipes


class Engine(Protocol):
    """What a worker runs jobs with."""

    @property
    def catalogue(self) -> Catalogue:
        """The node classes that can be run."""

    def device_facts(self) -> Mapping[str, Any]:
        """``{"pytorch_version": str, "devices": [...]}``, as ``/system_stats`` shows them now, and
        for the dispatcher ``"warm"``, the paths of the weights in memory, and ``"visible"``, the
        names of the devices that workers could have. Called from a thread of its own."""

    def run(self, job: Job, emit: Callable[[Event], None], cancel: Cancel) -> Outcome:
        """Run a job to its end; ``emit`` may be called from any thread. Two jobs may overlap."""

    def answer(self, what: str, payload: Mapping[str, Any]) -> Any:
        """The answer, as JSON, to a question about something that is not run. What is raised is
        told to who asked."""

    def free(self, *, unload_models: bool, free_memory: bool) -> None:
        """Give memory back between jobs; ``free_memory`` drops cached results, too."""


def main(make_engine: Callable[[], Engine]) -> int:
    """Run a worker until the server goes; the exit code.

    ``make_engine`` does the slow imports. It is called after stdin and stdout are in safety, so
    that nothing that is printed on the way is taken for a frame.
    """
    incoming, outgoing = take_pipes()
    # Ctrl-C in the terminal is for the server, which then stops its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    wire, recorder = Wire(outgoing), Recorder(os.environ[VARIABLE])
    pulse = Pulse(wire)
    inbox = _Inbox()
    # Reading starts before the imports: a server that dies meanwhile takes the worker with it.
    _thread("server", read_forever, incoming, inbox.take)
    try:
        engine = make_engine()
        ready = {"catalogue": engine.catalogue.to_json(), "device": engine.device_facts()}
    except Exception as error:  # noqa: BLE001 - whatever it is, people must get to see it
        traceback.print_exc()
        wire.send({"kind": "failed", "message": f"{type(error).__name__}: {error}"})
        return 1
    wire.send({"kind": "ready", **ready})
    pulse.know(engine.device_facts)
    _thread("questions", _answer_forever, engine, inbox, wire)
    _work_forever(engine, inbox, wire, pulse, recorder)
    return 0


class _Inbox:
    """What the server has sent, by who takes it; and the cancel flags of its attempts."""

    def __init__(self) -> None:
        self.jobs: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        self.questions: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        self._flags: dict[Attempt, Cancel] = {}
        self._lock = threading.Lock()

    def take(self, frame: Frame) -> None:
        """Called by the thread that reads. A cancel is heard at once, whatever runs."""
        if frame.kind == "cancel":
            with self._lock:
                flag = self._flags.get(_attempt(frame))  # none if it has ended meanwhile
            if flag is not None:
                flag.set()
        elif frame.kind == "ask":
            self.questions.put(frame)
        else:
            if frame.kind == "run":
                with self._lock:
                    self._flags[_attempt(frame)] = Cancel()
            self.jobs.put(frame)

    def flag(self, attempt: Attempt) -> Cancel:
        with self._lock:
            return self._flags[attempt]

    def drop(self, attempt: Attempt) -> None:
        with self._lock:
            self._flags.pop(attempt, None)


def _work_forever(
    engine: Engine, inbox: _Inbox, wire: Wire, pulse: Pulse, recorder: Recorder
) -> None:
    running: list[threading.Thread] = []
    graphs = Receiver()
    while True:
        frame = inbox.jobs.get()
        running = [thread for thread in running if thread.is_alive()]
        if frame.kind == "run":
            job: Future[Job] = Future()
            try:
                job.set_result(graphs.job(frame.message))
            except Exception as problem:  # noqa: BLE001 - told as any fault of the engine's
                job.set_exception(problem)
            shared = (inbox, wire, pulse, recorder)
            running.append(_thread("job", _run, engine, job, _attempt(frame), *shared))
        elif frame.kind == "free":
            for thread in running:
                thread.join()
            _free(engine, frame)
            pulse.changed()


def _free(engine: Engine, frame: Frame) -> None:
    try:
        engine.free(
            unload_models=bool(frame.message.get("unload_models")),
            free_memory=bool(frame.message.get("free_memory")),
        )
    except Exception:  # noqa: BLE001 - memory that cannot be given back is no reason to end
        traceback.print_exc()


def _run(
    engine: Engine,
    job: Future[Job],
    attempt: Attempt,
    inbox: _Inbox,
    wire: Wire,
    pulse: Pulse,
    recorder: Recorder,
) -> None:
    def emit(event: Event) -> None:
        if event.type == "executing":
            recorder.begins(attempt, str(event.data["node"]))
        wire.tell(attempt, Told(event.type, dumps(event.data), event.blob or b""))

    try:
        outcome = engine.run(job.result(), emit, inbox.flag(attempt))
    except Exception as error:  # noqa: BLE001 - a fault of the engine must not be tried again
        traceback.print_exc()
        outcome = _engine_failed(attempt[0], error)
        emit(Event("execution_error", outcome.messages[0][1]))
    inbox.drop(attempt)
    recorder.ends(attempt)
    ended = outcome.status, outcome.outputs, outcome.meta, outcome.messages, outcome.ledger
    wire.send_packed(pack_outcome(*attempt, Result.of(*ended)))
    pulse.changed()


def _answer_forever(engine: Engine, inbox: _Inbox, wire: Wire) -> None:
    """A thread for each question: one that takes long, or for ever, holds up no other."""
    while True:
        _thread("question", _answer, engine, inbox.questions.get(), wire)


def _answer(engine: Engine, frame: Frame, wire: Wire) -> None:
    value, error = None, None
    try:
        value = engine.answer(str(frame.message["what"]), frame.message["payload"])
    except Exception as problem:  # noqa: BLE001 - who asked is told
        traceback.print_exc()
        error = f"{type(problem).__name__}: {problem}"
    wire.send({"kind": "answer", "id": frame.message["id"], "value": value, "error": error})


def _thread(name: str, target: Callable[..., None], *arguments: Any) -> threading.Thread:
    thread = threading.Thread(target=target, args=arguments, name=name, daemon=True)
    thread.start()
    return thread


def _attempt(frame: Frame) -> Attempt:
    return str(frame.message["job"]), int(frame.message["attempt"])


def _engine_failed(prompt_id: str, error: Exception) -> Outcome:
    data = job_error(
        prompt_id,
        message=f"The engine failed outside of any node: {error}",
        type_=type(error).__name__,
        trace=traceback.format_exception(error),
    )
    return Outcome("error", {}, {}, [["execution_error", data]])

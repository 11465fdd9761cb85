"""A place for one worker, on one device: its process, the replacements of it, what it runs now.

A worker that dies, cannot start or falls silent is replaced; what it ran is then lost, and the
dispatcher says what becomes of that. Everything here happens on the server's event loop.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from engine.execution.job import DEVICE_FREE
from engine.graph.catalogue import Catalogue
from engine.queue.blackbox import Attempt
from engine.queue.catalogue_file import CatalogueFile
from engine.queue.graphs import Sender
from engine.queue.outcome import result_of
from engine.queue.process import WorkerProcess
from engine.queue.protocol import Frame, ProtocolError
from engine.queue.questions import Questions
from engine.queue.results import Result
from engine.queue.running import Lost, Running
from engine.queue.told import Told, events_of

_log = logging.getLogger(__name__)
# Attempts that one worker may hold: one that has the device, and one that needs it no more.
SLOTS = 2
_TICKS = 5  # looks at a worker's silence within a lease


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things may take before something is done about it, in seconds.

    Attributes:
        cancel_grace: a cancelled job gets this long to end before its worker is killed.
        retry_delays: waited after the first, second, ... failed start of a worker.
        lease: a worker that is silent this long is lost, and its jobs are tried again.
    """

    cancel_grace: float = 10.0
    retry_delays: Sequence[float] = (1, 2, 5, 10, 30)
    lease: float = 15.0


class Host(Protocol):
    """What a station tells and asks its dispatcher."""

    async def before_start(self) -> CatalogueFile:
        """A worker will be started; where its catalogue is kept."""

    async def up(self, station: "Station", catalogue: Catalogue, keep: CatalogueFile) -> None:
        """The station's worker is up."""

    def has_room(self) -> None:
        """A station may take another job."""

    def troubled(self) -> None:
        """A station's worker does not start."""

    def heard(self, running: Running, event: Told) -> None:
        """An event of an attempt."""


class Station:
    """Starts a worker and keeps one there until it is closed.

    ``command`` starts a worker process. ``name`` is what the store calls it.
    """

    def __init__(self, name: str, command: Sequence[str], host: Host, patience: Patience) -> None:
        self.name = name
        self.device: Mapping[str, Any] = {}
        self.trouble: str | None = None
        self.running: list[Running] = []
        self._command = command
        self._host = host
        self._patience = patience
        self._questions = Questions()
        self._process: WorkerProcess | None = None
        self._graphs = Sender()
        self._up = False
        self._failed_starts = 0
        self._starts = 0
        self._verdict: str | None = None
        self._silent_ticks = 0
        self._task = asyncio.create_task(self._work(), name=f"station-{name}")

    @property
    def pid(self) -> int | None:
        """The process id of the worker, if one is up or starting."""
        return None if self._process is None else self._process.pid

    @property
    def restarts(self) -> int:
        """How many workers were started here in place of another."""
        return max(self._starts - 1, 0)

    @property
    def is_up(self) -> bool:
        return self._up

    @property
    def has_room(self) -> bool:
        """Whether the device here is free for a job.

        Nothing runs beside what is tried again: if it takes its worker down once more, no other
        job is blamed for it.
        """
        beside = all(one.device_free and one.claim.attempt == 1 for one in self.running)
        return self._up and beside and len(self.running) < SLOTS

    async def close(self) -> None:
        """End the worker, and let nobody take its place."""
        if self._process is not None:
            self._process.kill()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    @property
    def warm(self) -> frozenset[str]:
        """Paths of the weights that the worker had in memory when it last said so."""
        return frozenset(self.device.get("warm", ()))

    def said_something(self) -> bool:
        """Whether the worker gave a sign of life since it was last looked for one."""
        return self._silent_ticks == 0

    def run(self, running: Running) -> None:
        """Hand an attempt to the worker, which must have room for it."""
        self.running.append(running)
        if self._process is not None:
            self._process.send_packed(self._graphs.packed(running.claim))

    def cancel(self, running: Running) -> None:
        """Have an attempt end; if it does not within the grace, its worker is replaced."""
        if self._process is None or running not in self.running:
            return
        if not running.cancelled:
            running.cancelled = True
            loop = asyncio.get_running_loop()
            loop.call_later(self._patience.cancel_grace, self._end_by_force, running, self._process)
        job, attempt = running.key
        self._process.send({"kind": "cancel", "job": job, "attempt": attempt})

    def free(self, *, unload_models: bool, free_memory: bool) -> None:
        """Have the worker give memory back after what runs now."""
        if self._process is not None and self._up:
            what = {"unload_models": unload_models, "free_memory": free_memory}
            self._process.send({"kind": "free", **what})

    async def ask(self, what: str, payload: Mapping[str, Any]) -> Any:
        """The worker's answer. Raises ``QuestionFailed``."""
        with self._questions.asked() as (number, answer):
            if self._process is not None:
                frame = {"kind": "ask", "id": number, "what": what, "payload": payload}
                self._process.send(frame)
            return await answer

    async def _work(self) -> None:
        while True:
            try:
                await self._use_a_worker()
            except Exception:  # noqa: BLE001
                # A fault of ours: say so and begin again, rather than leave the queue standing.
                _log.exception("The dispatcher met a problem; it goes on in a moment.")
                self._failed_starts += 1
            if self._failed_starts:
                delays = self._patience.retry_delays
                await asyncio.sleep(delays[min(self._failed_starts, len(delays)) - 1])

    async def _use_a_worker(self) -> None:
        """One life of a worker: start it, hear it out, and say so if nobody meant it to end."""
        keep = await self._host.before_start()
        try:
            process = self._process = await WorkerProcess.start(self._command)
        except OSError as error:
            self._no_worker(f"The worker process cannot be started: {error}.")
            return
        self._starts += 1
        self._graphs = Sender()
        self._verdict, was_idle, was_up = None, True, False
        watching = asyncio.create_task(self._watch(process))
        try:
            said = await self._listen(process, keep)
        finally:
            watching.cancel()
            process.kill()
            was_idle, was_up = not self.running, self._up
            why = f"The worker process {self._verdict or process.how_it_ended()}."
            self._process, self._up = None, False
            self._lose_all(why, process.last_nodes)
        if not was_up:
            self._no_worker(f"The worker process cannot start: {said or why}")
            return
        _log.warning("%s It is replaced.", why)
        if was_idle:
            self._failed_starts = 1  # no job is to blame, so the next may not live longer

    async def _listen(self, process: WorkerProcess, keep: CatalogueFile) -> str:
        """Take what a worker says until it has ended; why it could not start, if it said that."""
        said = ""
        async with contextlib.aclosing(process.frames()) as frames:
            async for frame in frames:
                self._silent_ticks = 0
                if frame.kind == "failed":
                    said = f"{frame.message['message']}."
                elif frame.kind == "ready":
                    await self._greet(frame, keep)
                else:
                    self._hear(process, frame)
        return said

    async def _greet(self, frame: Frame, keep: CatalogueFile) -> None:
        self.device = frame.message["device"]
        self._failed_starts, self.trouble, self._up = 0, None, True
        await self._host.up(self, Catalogue.from_json(frame.message["catalogue"]), keep)

    def _hear(self, process: WorkerProcess, frame: Frame) -> None:
        """Anything a worker that is up says; of an attempt that is over it means nothing."""
        message = frame.message
        if frame.kind == "device":
            self.device = message["device"]
        elif frame.kind == "answer":
            self._questions.answered(message["id"], message["value"], message["error"])
        elif frame.kind in ("events", "outcome"):
            key = (message["job"], message["attempt"])
            running = next((one for one in self.running if one.key == key), None)
            if running is not None and frame.kind == "events":
                self._happened(process, running, frame)
            elif running is not None:
                self._finished(process, running, frame)

    def _finished(self, process: WorkerProcess, running: Running, frame: Frame) -> None:
        try:
            result = result_of(frame)
        except ProtocolError as error:
            self._makes_no_sense(process, error)
        else:
            self._end(running, result)

    def _happened(self, process: WorkerProcess, running: Running, frame: Frame) -> None:
        try:
            events = events_of(frame)
        except ProtocolError as error:
            self._makes_no_sense(process, error)
            return
        for event in events:
            if event.type == DEVICE_FREE:
                running.device_free = True
                self._host.has_room()
            else:
                self._host.heard(running, event)

    def _makes_no_sense(self, process: WorkerProcess, error: ProtocolError) -> None:
        self._verdict = f"did not make sense ({error}) and was ended"
        process.kill()

    def _end(self, running: Running, how: Result | Lost) -> None:
        self.running.remove(running)
        running.ended.set_result(how)
        self._host.has_room()

    def _lose_all(self, why: str, last_nodes: Mapping[Attempt, str]) -> None:
        self._questions.fail_all(why)
        for running in list(self.running):
            self._end(running, Lost(why, last_nodes.get(running.key, "")))

    async def _watch(self, process: WorkerProcess) -> None:
        """End a worker that has been silent for a lease: it hangs, or it was stopped.

        Silence is counted in looks and not by the clock: a server that stood still itself hears
        what its worker said meanwhile before it looks again.
        """
        self._silent_ticks = 0
        while self._silent_ticks < _TICKS or not self._up:
            await asyncio.sleep(self._patience.lease / _TICKS)
            self._silent_ticks += 1
        self._verdict = f"said nothing for {self._patience.lease:g} seconds and was ended"
        process.kill()

    def _no_worker(self, why: str) -> None:
        self._failed_starts += 1
        self.trouble = why
        _log.error("%s", why)
        self._host.troubled()

    def _end_by_force(self, running: Running, process: WorkerProcess) -> None:
        if running in self.running:
            _log.warning("A cancelled job did not end in time; its worker is replaced.")
            process.kill()

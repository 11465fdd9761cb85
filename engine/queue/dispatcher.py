"""Hands jobs to the worker, one at a time, and replaces the worker when it dies.

Everything here happens on the server's event loop. The store says what is next and keeps what came
of it; a listener (the websocket hub) is told what to tell clients.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from engine.graph.catalogue import Catalogue
from engine.queue import endings
from engine.queue.catalogue_file import CatalogueFile
from engine.queue.job import Claim, Result
from engine.queue.jsontext import dumps
from engine.queue.process import WorkerProcess
from engine.queue.protocol import Frame
from engine.queue.running import Running
from engine.queue.schema import StoreError
from engine.queue.store import Store

T = TypeVar("T")
_log = logging.getLogger(__name__)
_DISK_PATIENCE = 2.0
# Too frequent to be stored: who missed them gets the state instead.
_TRANSIENT = frozenset(("progress", "progress_state", "preview"))


class WorkerTrouble(RuntimeError):
    """There is no worker, and there will be none soon. The text says why, for clients."""


class Listener(Protocol):
    """Who wants to hear what happens."""

    def event(self, client_id: str | None, type_: str, data: Mapping[str, Any], n: int) -> None:
        """An event of a job of that client; ``n`` is 0 for events that are not stored."""

    def preview(self, client_id: str | None, data: Mapping[str, Any], image: bytes) -> None:
        """A picture of work in progress."""

    def queue_changed(self, remaining: int) -> None:
        """So many jobs are pending or running now."""


class Dispatcher:
    """The one consumer of the queue.

    Args:
        command: starts a worker process.
        catalogue_file: asked for before each start of a worker, and written by what it says.
        cancel_grace: seconds a cancelled job gets to end before its worker is killed.
        retry_delays: seconds to wait after the first, second, ... failed start of a worker.
    """

    def __init__(
        self,
        store: Store,
        command: Sequence[str],
        listener: Listener,
        catalogue_file: Callable[[], CatalogueFile],
        *,
        cancel_grace: float = 10.0,
        retry_delays: Sequence[float] = (1, 2, 5, 10, 30),
    ) -> None:
        self._store = store
        self._command = command
        self._listener = listener
        self._catalogue_file = catalogue_file
        self._cancel_grace = cancel_grace
        self._retry_delays = retry_delays
        self._wake = asyncio.Event()
        self._known = asyncio.Event()  # a catalogue, or trouble
        self._ready = asyncio.Event()  # the worker is up
        self._catalogue: Catalogue | None = None
        self._trouble: str | None = None
        self._failed_starts = 0
        self._stopping = False
        self._worker: WorkerProcess | None = None
        self._task: asyncio.Task[None] | None = None
        self.device: Mapping[str, Any] = {}
        self.running: Running | None = None

    @property
    def worker_pid(self) -> int | None:
        """The process id of the worker, if one is up or starting."""
        return None if self._worker is None else self._worker.pid

    async def start(self) -> None:
        """Put back what the last server left running, and begin to work."""
        for claim in await self._store.interrupted_by_restart():
            why = "The server ended while the prompt was running."
            await self._store.crash(claim, why, endings.worker_died(claim.id, why))
        self._task = asyncio.create_task(self._work(), name="dispatcher")

    async def stop(self) -> None:
        """Stop the worker; the job that runs goes back to the queue without blame."""
        self._stopping = True
        self._wake.set()
        if self._worker is not None:
            self._worker.kill()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self.running is not None:
            await self._store.release(self.running.claim)

    def wake(self) -> None:
        """Something was queued."""
        self._wake.set()

    @property
    def trouble(self) -> str | None:
        """Why there is no worker, as a sentence, while its starts fail."""
        return self._trouble

    async def catalogue(self, patience: float = 120.0) -> Catalogue:
        """The node classes that can be run; waits for the worker when nothing is known yet.

        Raises:
            WorkerTrouble: the worker does not start, or not within ``patience`` seconds.
        """
        if self._catalogue is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._known.wait(), patience)
        if self._catalogue is None:
            waiting = "The worker process is still starting. Try again in a minute."
            raise WorkerTrouble(self._trouble or waiting)
        return self._catalogue

    async def ready(self) -> None:
        """Wait until the worker is up.

        Raises:
            WorkerTrouble: it does not start.
        """
        while not self._ready.is_set():
            if self._trouble is not None:
                raise WorkerTrouble(self._trouble)
            await asyncio.sleep(0.05)

    async def interrupt(self, prompt_id: str | None = None) -> bool:
        """Cancel the running job, if it is the one named; whether there was one to cancel."""
        running, worker = self.running, self._worker
        if running is None or worker is None or prompt_id not in (None, running.claim.id):
            return False
        if not running.cancelled:
            running.cancelled = True
            loop = asyncio.get_running_loop()
            loop.call_later(self._cancel_grace, self._end_by_force, running, worker)
        claim = running.claim
        await worker.send({"kind": "cancel", "job": claim.id, "attempt": claim.attempt})
        return True

    async def free(self, *, unload_models: bool, free_memory: bool) -> None:
        """Have the worker give memory back after the job that runs now."""
        if self._worker is not None and self._ready.is_set():
            what = {"unload_models": unload_models, "free_memory": free_memory}
            await self._worker.send({"kind": "free", **what})

    async def _work(self) -> None:
        while not self._stopping:
            try:
                await self._use_a_worker()
            except Exception:  # noqa: BLE001
                # A fault of ours: say so and begin again, rather than leave the queue standing.
                _log.exception("The dispatcher met a problem; it goes on in a moment.")
                self._failed_starts += 1
            if self._failed_starts:
                delays = self._retry_delays
                await asyncio.sleep(delays[min(self._failed_starts, len(delays)) - 1])

    async def _use_a_worker(self) -> None:
        """One life of a worker: start it, feed it until it dies."""
        keep = await asyncio.to_thread(self._catalogue_file)
        if self._catalogue is None:
            self._learn(keep.read())
        try:
            worker = self._worker = await WorkerProcess.start(self._command)
        except OSError as error:
            self._no_worker(f"The worker process cannot be started: {error}.")
            return
        listening = asyncio.create_task(self._listen(worker, keep))
        try:
            await _first(self._ready.wait(), worker.closed.wait())
            while self._ready.is_set() and not worker.closed.is_set():
                self._wake.clear()
                claim = await _insist(self._store.claim)
                if claim is None:
                    await _first(self._wake.wait(), worker.closed.wait())
                else:
                    await self._run(worker, claim)
        finally:
            self._ready.clear()
            worker.kill()
            await listening
            self._worker = None

    async def _listen(self, worker: WorkerProcess, keep: CatalogueFile) -> None:
        """Hear a worker out, until it has ended, and say so if nobody meant it to."""
        said, was_up = "", False
        async with contextlib.aclosing(worker.frames()) as frames:
            async for frame in frames:
                if frame.kind == "failed":
                    said = str(frame.message["message"])
                elif frame.kind == "ready":
                    was_up = True
                    await self._greet(frame, keep)
                elif frame.kind == "device":
                    self.device = frame.message["device"]
                else:
                    self._hear(frame)
        if self._stopping:
            return
        how = worker.how_it_ended()
        if was_up:
            _log.warning("The worker process %s. It is replaced.", how)
            if self.running is None:
                self._failed_starts = 1  # no job is to blame, so the next may not live longer
        else:
            self._no_worker(f"The worker process cannot start: {said or 'it ' + how}.")

    async def _greet(self, frame: Frame, keep: CatalogueFile) -> None:
        """A worker is up."""
        catalogue = Catalogue.from_json(frame.message["catalogue"])
        self.device = frame.message["device"]
        self._failed_starts, self._trouble = 0, None
        self._learn(catalogue)
        self._ready.set()
        await asyncio.to_thread(keep.write, catalogue)

    def _learn(self, catalogue: Catalogue | None) -> None:
        if catalogue is not None:
            self._catalogue = catalogue
            self._known.set()

    def _no_worker(self, why: str) -> None:
        self._failed_starts += 1
        self._trouble = why
        self._known.set()
        _log.error("%s", why)

    def _hear(self, frame: Frame) -> None:
        """An event or the outcome of an attempt; of one that is over it means nothing."""
        message, running = frame.message, self.running
        if running is None or running.result.done():
            return
        if (message["job"], message["attempt"]) != (running.claim.id, running.claim.attempt):
            return
        if frame.kind == "event":
            self._tell(running, message["type"], message["data"], frame.blob)
        else:
            running.result.set_result(
                Result(message["status"], message["outputs"], message["meta"], message["messages"])
            )

    def _tell(
        self, running: Running, type_: str, data: Mapping[str, Any], image: bytes = b""
    ) -> None:
        claim = running.claim
        running.watch(type_, data)
        if type_ == "preview":
            self._listener.preview(claim.client_id, data, image)
            return
        n = 0
        if type_ not in _TRANSIENT and claim.client_id is not None:
            n = self._store.record(claim, type_, dumps(data))
        self._listener.event(claim.client_id, type_, data, n)

    async def _run(self, worker: WorkerProcess, claim: Claim) -> None:
        """One attempt at one job, from the claim to the history."""
        running = Running(claim, asyncio.get_running_loop().create_future())
        self.running = running
        self._listener.queue_changed(self._store.remaining)
        await worker.send(
            {
                "kind": "run",
                "job": claim.id,
                "attempt": claim.attempt,
                "prompt": claim.prompt,
                "outputs": claim.outputs,
                "extra": claim.extra,
            }
        )
        await _first(running.result, worker.closed.wait())
        if self._stopping:
            return  # `stop` puts the job back
        if running.result.done():
            await self._finish(running, running.result.result())
        elif running.cancelled:
            result = endings.interrupted(claim.id, running.node())
            self._tell(running, *result.messages[0])
            await self._finish(running, result)
        else:
            await self._crashed(running, f"The worker process {worker.how_it_ended()}.")

    async def _finish(self, running: Running, result: Result) -> None:
        committed = await _insist(lambda: self._store.finish(running.claim, result))
        self.running = None
        if not committed:
            _log.warning("A late result of prompt %s was dropped.", running.claim.id)
        self._ended(running)

    async def _crashed(self, running: Running, why: str) -> None:
        failure = endings.worker_died(running.claim.id, why, running.node())
        state = await _insist(lambda: self._store.crash(running.claim, why, failure))
        self.running = None
        if state == "failed":
            self._tell(running, *failure.messages[0])
            self._ended(running)
        else:
            _log.warning("Prompt %s is tried again. %s", running.claim.id, why)
            self._listener.queue_changed(self._store.remaining)

    def _ended(self, running: Running) -> None:
        """The job is in the history: the last two messages that clients wait for."""
        self._listener.queue_changed(self._store.remaining)
        if running.claim.client_id is not None:
            self._tell(running, "executing", {"node": None, "prompt_id": running.claim.id})

    def _end_by_force(self, running: Running, worker: WorkerProcess) -> None:
        if self.running is running and not running.result.done():
            _log.warning("A cancelled job did not end in time; its worker is replaced.")
            worker.kill()


async def _insist(write: Callable[[], Awaitable[T]]) -> T:
    """Write, again and again if need be: with a full disk the queue waits, nothing is lost."""
    while True:
        try:
            return await write()
        except StoreError as error:
            _log.error("%s The queue waits until it can be.", error)
            await asyncio.sleep(_DISK_PATIENCE)


async def _first(*awaitables: Any) -> None:
    """Wait for the first of several things; the others are no longer waited for."""
    tasks = [asyncio.ensure_future(a) for a in awaitables]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task, awaitable in zip(tasks, awaitables, strict=True):
            if task is not awaitable:
                task.cancel()

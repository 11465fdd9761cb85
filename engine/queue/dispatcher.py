"""Hands the jobs of the queue to the workers, and says what became of them.

The store says what is next and keeps what came of it; a station has a worker, or gets one; a
listener (the websocket hub) is told what to tell clients. All of it on the server's event loop.

A job is handed over in the moment a worker has room: nothing waits for the disk here but what
clients are told of an end.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence

from engine.queue import endings, routing
from engine.queue.catalogue_file import CatalogueFile
from engine.queue.job import Score
from engine.queue.pool import Pool
from engine.queue.reporting import Listener, Reporter
from engine.queue.results import Result
from engine.queue.running import Lost, Running
from engine.queue.schema import StoreError
from engine.queue.station import Patience, Station
from engine.queue.store import Store
from engine.queue.told import Told

_log = logging.getLogger(__name__)
# Ends of attempts that may wait for the disk before no more jobs are started.
_MAX_UNSETTLED = 64
_AFTER_A_FAULT = 1.0  # seconds
# Renewals of an attempt's lease within its time.
_RENEWALS = 3


class Dispatcher(Pool):
    """The one consumer of the queue. ``patience`` is for tests that have less of it."""

    def __init__(
        self,
        store: Store,
        command_for: Callable[[str], Sequence[str]],
        listener: Listener,
        catalogue_file: Callable[[], CatalogueFile],
        devices: Sequence[str] = (),
        patience: Patience | None = None,
    ) -> None:
        super().__init__(command_for, catalogue_file, devices, patience or Patience())
        self._store = store
        self._reporter = Reporter(store, listener)
        self._attempts: dict[asyncio.Task[None], Running] = {}
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False

    async def start(self) -> None:
        """Put back what the last server left running, and begin to work."""
        for claim in await self._store.interrupted_by_restart():
            why = "The server ended while the prompt was running."
            await self._store.crash(claim, why, endings.worker_died(claim.id, why))
        self._open_stations()
        self._tasks = [
            asyncio.create_task(self._hand_out_forever(), name="dispatcher"),
            asyncio.create_task(self._renew_forever(), name="leases"),
        ]

    async def stop(self) -> None:
        """Stop the workers; the jobs that run go back to the queue without blame."""
        self._stopping = True
        self._reporter.close()
        self._wake.set()
        hand_out, renew = self._tasks
        renew.cancel()
        await hand_out  # never in the middle of a claim
        await self._close_stations()
        for problem in await asyncio.gather(*self._attempts, return_exceptions=True):
            if isinstance(problem, Exception):
                _log.error("The end of an attempt is not on record: %s", problem)

    def wake(self) -> None:
        """What waits in the queue has changed, or a worker has room."""
        self._wake.set()

    def so_far(self, client_id: str) -> Iterator[Told]:
        """The events that tell a client who comes late where its running jobs are."""
        for running in self._attempts.values():
            if running.claim.client_id == client_id and not running.ended.done():
                yield from running.so_far()

    def has_room(self) -> None:
        self.wake()

    def heard(self, running: Running, event: Told) -> None:
        self._reporter.tell(running, event)

    async def _hand_out_forever(self) -> None:
        while not self._stopping:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._hand_out()
            except Exception:  # noqa: BLE001
                # A fault of ours: say so and begin again, rather than leave the queue standing.
                _log.exception("The dispatcher met a problem; it goes on in a moment.")
                asyncio.get_running_loop().call_later(_AFTER_A_FAULT, self.wake)

    async def _hand_out(self) -> None:
        for station in self._stations:
            while station.has_room and len(self._attempts) < _MAX_UNSETTLED and not self._stopping:
                if not await self._hand_over(station):
                    break

    async def _hand_over(self, station: Station) -> bool:
        """Give a station that has room the next job for it, if there is one."""
        score, lease_ms = self._score(station), int(self._patience.lease * 1000)
        claim = await self._store.claim(station.name, lease_ms, score=score)
        if claim is None:
            return False
        if not station.has_room:  # its worker died in this moment
            await self._reporter.insist(lambda: self._store.release(claim))
            return False
        running = Running(claim, asyncio.get_running_loop().create_future())
        running.behind |= {
            one
            for one in self._attempts.values()
            if one.ended.done() and one.claim.client_id == claim.client_id
        }
        station.run(running)
        task = asyncio.create_task(self._attend(running), name=f"job-{claim.id}")
        self._attempts[task] = running
        task.add_done_callback(self._settled)
        self._reporter.queue_changed()
        return True

    def _score(self, station: Station) -> Score | None:
        """What jobs would cost this station, where there is a choice of workers."""
        others = [one.warm for one in self._stations if one is not station and one.is_up]
        warm = station.warm
        return (lambda candidate: routing.cost(candidate, warm, others)) if others else None

    async def _attend(self, running: Running) -> None:
        """One attempt at one job, from its start to the history."""
        try:
            await self._settle(running, await running.ended)
        finally:
            self._reporter.settled(running, self._attempts.values())

    async def _settle(self, running: Running, how: Result | Lost) -> None:
        if isinstance(how, Result):
            await self._reporter.finish(running, how)
        elif self._stopping:
            await self._reporter.insist(lambda: self._store.release(running.claim))
        elif running.cancelled:
            await self._reporter.interrupt(running, how)
        else:
            await self._reporter.crash(running, how)

    def _settled(self, task: "asyncio.Task[None]") -> None:
        del self._attempts[task]
        self.wake()
        problem = None if task.cancelled() else task.exception()
        if problem is not None and not self._stopping:
            _log.error("The end of an attempt was lost.", exc_info=problem)

    async def _renew_forever(self) -> None:
        """The leases on record follow the signs of life, which the stations watch."""
        while True:
            await asyncio.sleep(self._patience.lease / _RENEWALS)
            for station in self._stations:
                claims = [running.claim for running in station.running]
                if claims and station.said_something():
                    with contextlib.suppress(StoreError):  # the next one will do
                        await self._store.renew(claims, int(self._patience.lease * 1000))
            with contextlib.suppress(StoreError):
                await self._find_forgotten()

    async def _find_forgotten(self) -> None:
        """Try jobs again that are running by the record and that nobody here attends to any more.

        There should be none. If a fault of ours lost one, it must not be lost for ever.
        """
        for claim in await self._store.expired():
            if all(one.claim.seq != claim.seq for one in self._attempts.values()):
                running = Running(claim, asyncio.get_running_loop().create_future())
                await self._reporter.crash(running, Lost("It was lost sight of."))
                self.wake()

"""The database held open: one writer, readers, the line of waiting jobs, and numbered events."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from engine.queue import replay, statements
from engine.queue.bells import Bells
from engine.queue.job import Claim, Ended, StoredEvent
from engine.queue.lock import hold
from engine.queue.reader import Reader
from engine.queue.schema import StoreError, connect, prepare
from engine.queue.writer import Writer

T = TypeVar("T")
_SWEEP_SECONDS = 3600.0
# What is in no hurry waits this long for company, or until something else is written.
_COMPANY_SECONDS = 0.02
# Numbers left out at each start: some may have been told and lost before they were written.
_LOST_NUMBERS = 10_000


class Keeper(Reader):
    """What all parts of the store stand on.

    Raises:
        StoreError: the database cannot be opened (a damaged one is moved aside instead), or another
            server uses it.
    """

    def __init__(self, path: Path) -> None:
        self._lock = hold(path.with_name(path.name + ".lock"))
        try:
            prepare(path)
        except StoreError:
            self._lock.close()
            raise
        self._here = connect(path, "normal")  # for short questions of the event loop itself
        self._here.execute("pragma query_only = on")
        super().__init__(path, statements.line(self._here))
        self._paused = statements.is_paused(self._here)
        last = replay.last(self._here)
        self._next_event = last + _LOST_NUMBERS + 1 if last else 1
        self._unwritten: list[StoredEvent] = []
        self._put_off: list[
            tuple[Callable[[sqlite3.Connection], None], Callable[[None], None]]
        ] = []
        self._bells = Bells()
        self._swept = time.monotonic() - _SWEEP_SECONDS
        self._writer = Writer(path)

    def record(self, claim: Claim, type_: str, data: str) -> int:
        """Store an event of an attempt without waiting for it; the event's number."""
        n = self._reserve(1)
        self._write_soon()
        self._unwritten.append(StoredEvent(n, claim.seq, type_, data))
        self._bells.ring(claim.id)
        return n

    async def events_after(self, client_id: str, n: int) -> list[StoredEvent]:
        """The events with larger numbers of the jobs of one client, oldest first."""
        # Asked of the writer, who by then has written every event recorded before.
        return await self._write(lambda c: replay.after(c, client_id, n))

    async def events_of(self, job_id: str, n: int) -> tuple[list[StoredEvent], bool] | None:
        """The events of a job with larger numbers, and whether there will be no more of them.

        None when there is no such job (any more).
        """
        return await self._write(lambda c: replay.of_job(c, job_id, n))

    @contextmanager
    def listening(self, job_id: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever ``events_of`` this job may have more to say."""
        with self._bells.listening(job_id) as bell:
            yield bell

    def close(self) -> None:
        """Write what waits, then close. Blocks for as long as that takes."""
        self._write_waiting()
        super().close()
        self._here.close()
        self._writer.close()  # last: only a connection that may write tidies up behind itself
        self._lock.close()

    def _reserve(self, count: int) -> int:
        """The first of so many event numbers that nobody else gets."""
        first = self._next_event
        self._next_event += count
        return first

    def _end(self, ended: Ended | None) -> None:
        """What may have ended a job is committed."""
        if ended is not None:
            self._line.remove(ended.seq)

    def _ring(self, ended: Ended | None) -> Ended | None:
        if ended is not None:
            self._bells.ring(ended.id)
        if time.monotonic() - self._swept > _SWEEP_SECONDS:
            self._swept = time.monotonic()
            self._submit(lambda c: replay.sweep(c, statements.now_ms()))
        return ended

    def _submit_later(
        self, operation: Callable[[sqlite3.Connection], None], then: Callable[[None], None]
    ) -> None:
        """Have something written with what is written next: it need not wake anybody."""
        self._write_soon()
        self._put_off.append((operation, then))

    def _write_soon(self) -> None:
        if not self._unwritten and not self._put_off:
            asyncio.get_running_loop().call_later(_COMPANY_SECONDS, self._write_waiting)

    def _write_waiting(self) -> None:
        """Have written what waits for it, if anything still does."""
        put_off, self._put_off = self._put_off, []
        for operation, then in put_off:
            self._writer.submit(operation, then=then)
        events, self._unwritten = self._unwritten, []
        if events:
            self._writer.submit(lambda c: replay.append(c, events))

    def _submit(
        self,
        operation: Callable[[sqlite3.Connection], T],
        *,
        durable: bool = False,
        then: Callable[[T], None] | None = None,
    ) -> Future[T]:
        self._write_waiting()  # what was recorded before comes before
        return self._writer.submit(operation, durable=durable, then=then)

    async def _write(
        self,
        operation: Callable[[sqlite3.Connection], T],
        *,
        durable: bool = False,
        then: Callable[[T], None] | None = None,
        held: Sequence[int] = (),
    ) -> T:
        """Have the writer do something; afterwards, whatever came of it, let go of what was held.

        Raises:
            StoreError: the disk does not take it.
        """
        future = self._submit(operation, durable=durable, then=then)
        if held:
            future.add_done_callback(lambda _: self._line.let_go(held))
        try:
            return await asyncio.wrap_future(future)
        except sqlite3.Error as error:
            raise StoreError(f"The queue's database cannot be written: {error}.") from error

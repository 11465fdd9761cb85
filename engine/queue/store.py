"""The durable queue and history: the only owner of the database, for the event loop of a server.

What is accepted is on the disk before the call returns. Results are committed only for the current
attempt, so whatever a late worker sends changes nothing.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from engine.queue import listings, statements
from engine.queue.job import Claim, Result, State, StoredEvent, Submission
from engine.queue.jsontext import plain_number
from engine.queue.listings import QueueListing
from engine.queue.lock import hold
from engine.queue.schema import StoreError, connect, prepare
from engine.queue.writer import Writer

T = TypeVar("T")


class Store:
    """Jobs from their acceptance to the history. Close it when done.

    Every method that writes raises ``StoreError`` when the disk does not take it; then nothing has
    changed.

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
        self._remaining = 0
        self._reading = connect(path, "normal")
        self._reading.execute("pragma query_only = on")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="queue-reader")
        self._count(self._reading)
        self._next_event = statements.last_event(self._reading) + 1
        self._writer = Writer(path, after_commit=self._count)

    @property
    def remaining(self) -> int:
        """How many jobs are pending or running."""
        return self._remaining

    async def accept(self, job: Submission, created_ms: int) -> float:
        """Queue a job; its number. It is on the disk when this returns.

        Raises:
            DuplicateJob: there is a job with this id.
        """
        number = await self._write(lambda c: statements.accept(c, job, created_ms), durable=True)
        return plain_number(float(number))

    async def claim(self) -> Claim | None:
        """Start an attempt at the job that is next, if any is pending."""
        return await self._write(statements.claim)

    async def finish(self, claim: Claim, result: Result) -> bool:
        """Put a result into the history; False, and no change, unless the attempt is current."""
        return await self._write(lambda c: statements.finish(c, claim, result), durable=True)

    async def release(self, claim: Claim) -> bool:
        """Give up an attempt that failed through nobody's fault: the job is pending again."""
        return await self._write(lambda c: statements.release(c, claim), durable=True)

    async def crash(self, claim: Claim, why: str, failure: Result) -> State:
        """The attempt's process ended: the job is ``pending`` again, or ``failed`` for good."""
        return await self._write(lambda c: statements.crash(c, claim, why, failure), durable=True)

    async def interrupted_by_restart(self) -> list[Claim]:
        """The attempts that the last server left behind; their bodies are empty."""
        return await self._read(statements.running)

    async def remove_pending(self, ids: Sequence[str] | None = None) -> int:
        """Drop pending jobs (all of them without ``ids``); how many there were."""
        return await self._write(lambda c: statements.remove_pending(c, ids), durable=True)

    async def forget(self, ids: Sequence[str] | None = None) -> int:
        """Drop finished jobs from the history (all without ``ids``); how many there were."""
        return await self._write(lambda c: statements.forget(c, ids), durable=True)

    def record(self, claim: Claim, type_: str, data: str) -> int:
        """Store an event of an attempt without waiting for it; the event's number."""
        event = StoredEvent(self._next_event, claim.seq, type_, data)
        self._next_event += 1
        self._writer.submit(lambda c: statements.append_events(c, [event]))
        return event.n

    async def events_after(self, client_id: str, n: int) -> list[StoredEvent]:
        """The events with larger numbers of the jobs of one client, oldest first."""
        # Asked of the writer, who by then has written every event recorded before.
        return await self._write(lambda c: statements.events_after(c, client_id, n))

    async def queue(self) -> QueueListing:
        return await self._read(listings.queue)

    async def history(self, max_items: int | None = None, offset: int | None = None) -> str:
        return await self._read(lambda c: listings.history(c, max_items, offset))

    async def history_entry(self, job_id: str) -> str:
        return await self._read(lambda c: listings.history_entry(c, job_id))

    def close(self) -> None:
        """Write what waits, then close. Blocks for as long as that takes."""
        self._writer.close()
        self._reader.shutdown()
        self._reading.close()
        self._lock.close()

    async def _write(
        self, operation: Callable[[sqlite3.Connection], T], *, durable: bool = False
    ) -> T:
        future: Future[T] = self._writer.submit(operation, durable=durable)
        try:
            return await asyncio.wrap_future(future)
        except sqlite3.Error as error:
            raise StoreError(f"The queue's database cannot be written: {error}.") from error

    async def _read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._reader, question, self._reading)

    def _count(self, connection: sqlite3.Connection) -> None:
        self._remaining = statements.remaining(connection)

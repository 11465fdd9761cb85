"""The questions about queue and history that change nothing.

They are answered in a thread with a connection of its own, which never waits for the writer.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from engine.queue import ledgers, listings
from engine.queue.job import State
from engine.queue.ledgers import Totals
from engine.queue.line import Line
from engine.queue.listings import JobsPage, JobsQuery, QueueListing
from engine.queue.schema import connect

T = TypeVar("T")


class Reader:
    """Listings of a sound database; ``line`` knows the order of what waits."""

    def __init__(self, path: Path, line: Line) -> None:
        self._line = line
        self._reading = connect(path, "normal")
        self._reading.execute("pragma query_only = on")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="queue-reader")

    async def queue(self) -> QueueListing:
        """What runs and what is pending, in running order."""
        return await self._read(lambda c: listings.queue(c, self._line.order()))

    async def history(
        self, max_items: int | None = None, offset: int | None = None, search: str = ""
    ) -> str:
        """``{id: entry}`` of finished jobs as JSON, oldest first; see ``listings.history``."""
        return await self._read(lambda c: listings.history(c, max_items, offset, search))

    async def history_entry(self, job_id: str) -> str:
        """``{id: entry}`` as JSON, or ``{}`` for a job that is unknown or not finished."""
        return await self._read(lambda c: listings.history_entry(c, job_id))

    async def jobs(self, query: JobsQuery) -> JobsPage:
        """A page of job objects."""
        return await self._read(lambda c: listings.jobs(c, query))

    async def job(self, job_id: str) -> str | None:
        """One job with its details as JSON, or None."""
        return await self._read(lambda c: listings.job(c, job_id))

    async def state(self, job_id: str) -> State | None:
        """Where a job is, or None when there is no such job."""
        return await self._read(lambda c: listings.state(c, job_id))

    async def ledger(self, job_id: str) -> str | None:
        """What each node of a job cost, as JSON; ``{}`` before its end, None without the job."""
        return await self._read(lambda c: ledgers.of_job(c, job_id))

    async def totals(self) -> Totals:
        """Counts by state and costs by node class."""
        return await self._read(ledgers.totals)

    def close(self) -> None:
        self._thread.shutdown()
        self._reading.close()

    async def _read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, question, self._reading)

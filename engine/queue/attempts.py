"""What workers do to jobs: claim them, give signs of life, end them in one way or another."""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from engine.queue import claims, listings, statements
from engine.queue.claims import Attempted
from engine.queue.fresh import Fresh
from engine.queue.job import LEASE_MS, Claim, Ended, Score
from engine.queue.keeper import Keeper
from engine.queue.results import Result
from engine.queue.schema import StoreError

T = TypeVar("T")
# How far into the queue a worker may look for a job that suits it.
LOOK_AHEAD = 16


class Attempts(Keeper):
    """The part of the store that a dispatcher uses."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._unrecorded: dict[int, Attempted] = {}  # begun, and not committed yet
        self._fresh = Fresh()

    async def claim(
        self, worker: str = "worker", lease_ms: int = LEASE_MS, *, score: Score | None = None
    ) -> Claim | None:
        """Begin an attempt of ``worker`` at the job that is next (``line.py``).

        None in a pause, and when nothing is pending. The attempt is believed in for ``lease_ms``,
        and again after each ``renew``. With a ``score`` it is the cheapest of the next few of the
        client whose turn it is; of equals the first.

        This does not wait for the disk: the attempt is put on record before anything else about it
        is, and a server that dies before that has lost nothing.
        """
        jobs = [] if self._paused else self._line.due(1 if score is None else LOOK_AHEAD)
        if not jobs:
            return None
        now = statements.now_ms()
        job = jobs[0] if score is None else min(jobs, key=lambda one: score(one.candidate(now)))
        try:
            body = listings.body(self._here, job.seq)
        except sqlite3.Error as error:
            raise StoreError(f"The queue's database cannot be read: {error}.") from error
        graph = self._fresh.take(job.seq)
        claim = Claim(job.seq, job.id, job.attempt + 1, job.client_id, *body, graph)
        self._line.begin(job.seq)
        self._unrecorded[job.seq] = attempt = Attempted(claim, worker, now, lease_ms)
        self._submit_later(lambda c: claims.begin(c, attempt), lambda _: self._recorded(claim))
        return claim

    async def renew(self, held: Sequence[Claim], lease_ms: int = LEASE_MS) -> None:
        """The worker of these attempts has given a sign of life."""
        await self._write(lambda c: claims.renew(c, held, lease_ms))

    async def expired(self, now_ms: int | None = None) -> list[Claim]:
        """The running attempts whose leases have run out; their bodies are empty."""
        now = statements.now_ms() if now_ms is None else now_ms
        return await self._write(lambda c: claims.expired(c, now))

    async def finish(self, claim: Claim, result: Result) -> Ended | None:
        """Put a result into the history; None, and no change, unless the attempt is current.

        The job's closing event (``executing`` no node) is stored with it, so nobody records it.
        """
        first = self._reserve(1)

        def finish(c: sqlite3.Connection) -> Ended | None:
            self._put_on_record(c, claim)
            return statements.finish(c, claim, result, first)

        return self._ring(await self._write(finish, durable=True, then=self._end))

    async def release(self, claim: Claim) -> bool:
        """Give up an attempt that failed through nobody's fault: the job is pending again."""

        def release(c: sqlite3.Connection) -> bool:
            self._put_on_record(c, claim)
            return claims.release(c, claim)

        def then(released: bool) -> None:
            if released:
                self._line.put_back(claim.seq)

        return await self._write(release, durable=True, then=then)

    async def crash(self, claim: Claim, why: str, failure: Result) -> Ended | None:
        """The attempt's worker was lost: the job is pending again (None), or failed for good.

        ``failure`` becomes the result after the last attempt; its last message and the closing one
        are stored as events. None also when the attempt is not current: then nothing changes.
        """
        first = self._reserve(2)

        def crash(c: sqlite3.Connection) -> Ended | bool:
            self._put_on_record(c, claim)
            return statements.crash(c, claim, why, failure, first)

        def then(outcome: Ended | bool) -> None:
            if isinstance(outcome, Ended):
                self._end(outcome)
            elif outcome:
                self._line.put_back(claim.seq)

        outcome = await self._write(crash, durable=True, then=then)
        return self._ring(outcome if isinstance(outcome, Ended) else None)

    async def interrupted_by_restart(self) -> list[Claim]:
        """The attempts that the last server left behind; their bodies are empty."""
        return await self._write(claims.running)

    async def _read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        if self._unrecorded:
            await self._write(lambda _: None)  # so that what clients were told is there to be read
        return await super()._read(question)

    def _recorded(self, claim: Claim) -> None:
        self._unrecorded.pop(claim.seq, None)

    def _put_on_record(self, connection: sqlite3.Connection, claim: Claim) -> None:
        """Make up for it if the disk did not take the beginning of an attempt."""
        attempt = self._unrecorded.get(claim.seq)
        if attempt is not None and attempt.claim == claim:
            claims.begin(connection, attempt)

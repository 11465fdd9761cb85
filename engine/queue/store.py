"""The durable queue and history: the only owner of the database, for the event loop of a server.

What is accepted is on the disk before the call returns. Results are committed only for the current
attempt, so whatever a late worker sends changes nothing. What workers do to jobs is in
``attempts.py``, the questions that change nothing in ``reader.py``.
"""

import sqlite3
from collections.abc import Sequence

from engine.queue import endings, moves, statements
from engine.queue.attempts import Attempts
from engine.queue.job import Ended, Submission
from engine.queue.jsontext import plain_number
from engine.queue.line import Waiting
from engine.queue.moves import Move, Side


class Store(Attempts):
    """Jobs from their acceptance to the history. Close it when done.

    Every method that writes raises ``StoreError`` when the disk does not take it; then nothing has
    changed.

    Raises:
        StoreError: the database cannot be opened (a damaged one is moved aside instead), or another
            server uses it.
    """

    @property
    def remaining(self) -> int:
        """How many jobs are pending or running."""
        return len(self._line)

    @property
    def paused(self) -> bool:
        """Whether pending jobs wait until the queue is resumed. It is remembered on the disk."""
        return self._paused

    async def accept(self, job: Submission, created_ms: int) -> float:
        """Queue a job; its number. It is on the disk when this returns.

        Raises:
            DuplicateJob: there is a job with this id.
        """

        def then(accepted: Waiting) -> None:
            self._fresh.keep(accepted.seq, job.graph)
            self._line.add(accepted)

        accepted: Waiting = await self._write(
            lambda c: statements.accept(c, job, created_ms), durable=True, then=then
        )
        return plain_number(float(accepted.number))

    async def cancel(self, job_id: str) -> Ended | None:
        """End a pending job before it begins; None, and no change, if it is not pending."""
        held = self._line.hold([job_id])
        if not held:
            return None
        first = self._reserve(2)
        why = "It was cancelled before it began."
        result = endings.interrupted(job_id)
        ended = await self._write(
            lambda c: statements.cancel(c, held[0], why, result, first),
            durable=True,
            then=self._end,
            held=held,
        )
        self._fresh.take(held[0])
        return self._ring(ended)

    async def remove_pending(self, ids: Sequence[str] | None = None) -> int:
        """Drop pending jobs without a trace (all of them without ``ids``); how many there were."""
        held = self._line.hold(ids)
        gone = await self._write(
            lambda c: statements.remove_pending(c, held),
            durable=True,
            then=lambda found: self._line.remove(*found),
            held=held,
        )
        for seq in gone:
            self._fresh.take(seq)
        self._bells.ring(*gone.values())
        return len(gone)

    async def forget(self, ids: Sequence[str] | None = None) -> int:
        """Drop finished jobs from the history (all without ``ids``); how many there were."""
        gone = await self._write(lambda c: statements.forget(c, ids), durable=True)
        self._bells.ring(*gone)
        return len(gone)

    async def move(self, job_id: str, to: float | tuple[Side, str]) -> float:
        """Give a pending job a number, or a place ``("before" or "after", id)``; its new number.

        Raises:
            CannotMove: a job that is named is not pending.
        """

        def change(c: sqlite3.Connection) -> Move:
            if isinstance(to, tuple):
                return moves.beside(c, job_id, *to)
            return moves.to_number(c, job_id, to)

        moved = await self._write(
            change, durable=True, then=lambda move: self._line.renumber(move.numbers.items())
        )
        return plain_number(float(moved.number))

    async def pause(self, *, paused: bool) -> None:
        """Hand out no more jobs, or do so again. What runs goes on. A restart changes nothing."""
        await self._write(lambda c: statements.set_paused(c, paused=paused), durable=True)
        self._paused = paused

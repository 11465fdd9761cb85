"""The SQL of attempts: putting one on record, its lease, and who has lost one.

An attempt has a number, which is the fence: what comes from an attempt that is not the current one
changes nothing.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from engine.queue.job import Claim
from engine.queue.statements import now_ms


@dataclass(frozen=True, slots=True)
class Attempted:
    """An attempt that began: whose it is, and how long it is believed in without a ``renew``."""

    claim: Claim
    worker: str
    started_ms: int
    lease_ms: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt as the history of a job keeps it."""

    n: int
    worker: str
    started_ms: int
    ended_ms: int | None
    error: str | None

    def to_json(self) -> dict[str, Any]:
        found = {
            "attempt": self.n,
            "worker": self.worker,
            "start_time": self.started_ms,
            "end_time": self.ended_ms,
            "error": self.error,
        }
        return {name: value for name, value in found.items() if value is not None}


def begin(connection: sqlite3.Connection, attempted: Attempted) -> None:
    """Put an attempt on record, unless it is."""
    claimed, now = attempted.claim, attempted.started_ms
    cursor = connection.execute(
        "update jobs set state = 'running', attempt = ?, started_ms = ? "
        "where seq = ? and state = 'pending' and attempt = ?",
        (claimed.attempt, now, claimed.seq, claimed.attempt - 1),
    )
    if cursor.rowcount:
        connection.execute(
            "insert into attempts (job, n, worker, lease_until, started_ms) values (?, ?, ?, ?, ?)",
            (claimed.seq, claimed.attempt, attempted.worker, now + attempted.lease_ms, now),
        )


def renew(connection: sqlite3.Connection, claims: Iterable[Claim], lease_ms: int) -> None:
    """The worker of these attempts has given a sign of life."""
    until = now_ms() + lease_ms
    connection.executemany(
        "update attempts set lease_until = ? where job = ? and n = ? and ended_ms is null",
        [(until, claimed.seq, claimed.attempt) for claimed in claims],
    )


def expired(connection: sqlite3.Connection, now: int) -> list[Claim]:
    """The running attempts whose lease has run out, without their bodies, longest ago first."""
    rows = connection.execute(
        "select j.seq, j.id, j.attempt, j.client_id from jobs j "
        "join attempts a on a.job = j.seq and a.n = j.attempt "
        "where j.state = 'running' and a.lease_until < ? order by a.lease_until",
        (now,),
    )
    return [Claim(*row) for row in rows]


def release(connection: sqlite3.Connection, claimed: Claim) -> bool:
    """Put a job back whose attempt nobody is to blame for, and forget the attempt."""
    cursor = connection.execute(
        "update jobs set state = 'pending' where seq = ? and attempt = ? and state = 'running'",
        (claimed.seq, claimed.attempt),
    )
    if cursor.rowcount == 0:
        return False
    connection.execute(
        "delete from attempts where job = ? and n = ?", (claimed.seq, claimed.attempt)
    )
    return True


def running(connection: sqlite3.Connection) -> list[Claim]:
    """The attempts that are running, without their bodies: after a start, what a crash cut off."""
    rows = connection.execute(
        "select seq, id, attempt, client_id from jobs where state = 'running' order by number, id"
    )
    return [Claim(*row) for row in rows]


def attempts(connection: sqlite3.Connection, job_id: str) -> list[Attempt]:
    """The attempts at a job, first to last."""
    rows = connection.execute(
        "select a.n, a.worker, a.started_ms, a.ended_ms, a.error from jobs j "
        "join attempts a on a.job = j.seq where j.id = ? order by a.n",
        (job_id,),
    )
    return [Attempt(*row) for row in rows]

"""Numbered events of jobs, kept for those who were not listening when they happened.

They are a convenience with an age: they go after some days, or when there are too many of them.
What a job showed and how it ended is in its result, which they never touch.
"""

import json
import sqlite3
from collections.abc import Sequence

from engine.queue.job import StoredEvent
from engine.queue.jsontext import dumps
from engine.queue.results import Result

KEEP_DAYS = 7
MAX_EVENTS = 200_000
_DAY_MS = 86_400_000


def closing(seq: int, job_id: str, n: int) -> StoredEvent:
    """The last event of every job: no node of it is executing any more."""
    return StoredEvent(n, seq, "executing", dumps({"node": None, "prompt_id": job_id}))


def endings(seq: int, job_id: str, result: Result, n: int) -> tuple[StoredEvent, ...]:
    """The events of a job that was ended for its worker: what happened, and the closing one."""
    type_, data = json.loads(result.messages)[-1]
    return StoredEvent(n, seq, type_, dumps(data)), closing(seq, job_id, n + 1)


def append(connection: sqlite3.Connection, events: Sequence[StoredEvent]) -> None:
    """Store events of jobs that still exist."""
    seqs = dumps(list({event.job for event in events}))
    found = connection.execute(
        "select seq from jobs where seq in (select value from json_each(?))", (seqs,)
    )
    there = {row[0] for row in found}
    connection.executemany(
        "insert into events (n, job, type, data) values (?, ?, ?, ?)",
        [(event.n, event.job, event.type, event.data) for event in events if event.job in there],
    )


def last(connection: sqlite3.Connection) -> int:
    """The largest event number ever given, also when that event was dropped since."""
    row = connection.execute("select seq from sqlite_sequence where name = 'events'").fetchone()
    return row[0] if row else 0


def after(connection: sqlite3.Connection, client_id: str, n: int) -> list[StoredEvent]:
    """The events with larger numbers of the jobs of one client, oldest first."""
    rows = connection.execute(
        "select e.n, e.job, e.type, e.data from jobs j join events e on e.job = j.seq "
        "where j.client_id = ? and e.n > ? order by e.n",
        (client_id, n),
    )
    return [StoredEvent(*row) for row in rows]


def of_job(
    connection: sqlite3.Connection, job_id: str, n: int
) -> tuple[list[StoredEvent], bool] | None:
    """The events of a job with larger numbers, and whether there will be no more.

    None when there is no such job.
    """
    job = connection.execute(
        "select seq, finished is not null from jobs where id = ?", (job_id,)
    ).fetchone()
    if job is None:
        return None
    rows = connection.execute(
        "select n, job, type, data from events where job = ? and n > ? order by n", (job[0], n)
    )
    return [StoredEvent(*row) for row in rows], bool(job[1])


def sweep(connection: sqlite3.Connection, now_ms: int) -> None:
    """Drop the events of jobs that ended long ago, and the oldest of too many."""
    connection.execute(
        "delete from events where job in (select seq from jobs where ended_ms < ?)",
        (now_ms - KEEP_DAYS * _DAY_MS,),
    )
    connection.execute(
        "delete from events where n <= (select n from events order by n desc limit 1 offset ?) "
        "and job in (select seq from jobs where finished is not null)",
        (MAX_EVENTS,),
    )

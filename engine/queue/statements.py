"""The SQL of the queue: one function per change or question, each on a given connection.

Transactions are the caller's. Every value goes in as a bound parameter.
"""

import json
import sqlite3
import time
from collections.abc import Sequence

from engine.queue.job import (
    MAX_ATTEMPTS,
    STATE_OF,
    Claim,
    DuplicateJob,
    Result,
    State,
    StoredEvent,
    Submission,
)
from engine.queue.jsontext import dumps

MAX_HISTORY = 10_000
# Jobs whose events are kept for clients that come back after a lost connection.
MAX_REPLAYED = 100


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def accept(connection: sqlite3.Connection, job: Submission, created_ms: int) -> float:
    """Store a job as pending; its number in the queue.

    Raises:
        DuplicateJob: there is a job with this id.
    """
    if connection.execute("select 1 from jobs where id = ?", (job.id,)).fetchone():
        raise DuplicateJob(
            f"A prompt with the id '{job.id}' was already submitted. Send it without a prompt_id, "
            "or with a new one."
        )
    number = _number(connection, job)
    row = connection.execute(
        "insert into jobs (id, number, client_id, created_ms) values (?, ?, ?, ?) returning seq",
        (job.id, number, job.client_id, created_ms),
    ).fetchone()
    connection.execute(
        "insert into bodies (job, prompt, extra, outputs) values (?, ?, ?, ?)",
        (row[0], dumps(job.prompt), dumps(job.extra), dumps(list(job.outputs))),
    )
    return number


def _number(connection: sqlite3.Connection, job: Submission) -> float:
    if job.number is not None:
        return job.number
    counter: int = connection.execute(
        "update counters set value = value + 1 where name = 'number' returning value - 1"
    ).fetchone()[0]
    return -counter if job.front else counter


def claim(connection: sqlite3.Connection) -> Claim | None:
    """Start an attempt at the next pending job: the smallest number, then the smallest id."""
    row = connection.execute(
        "update jobs set state = 'running', attempt = attempt + 1, started_ms = ? where seq = "
        "(select seq from jobs where state = 'pending' order by number, id limit 1) "
        "returning seq, id, attempt, client_id",
        (now_ms(),),
    ).fetchone()
    if row is None:
        return None
    seq, job_id, attempt, client_id = row
    prompt, outputs, extra = connection.execute(
        "select prompt, outputs, extra from bodies where job = ?", (seq,)
    ).fetchone()
    return Claim(
        seq,
        job_id,
        attempt,
        client_id,
        json.loads(prompt),
        tuple(json.loads(outputs)),
        json.loads(extra),
    )


def finish(connection: sqlite3.Connection, claimed: Claim, result: Result) -> bool:
    """Commit the result of an attempt; False when it is not the current attempt any more."""
    return _finish(connection, claimed.seq, claimed.attempt, STATE_OF[result.status], result)


def release(connection: sqlite3.Connection, claimed: Claim) -> bool:
    """Put a claimed job back: its worker was stopped on purpose."""
    cursor = connection.execute(
        "update jobs set state = 'pending' where seq = ? and attempt = ? and state = 'running'",
        (claimed.seq, claimed.attempt),
    )
    return cursor.rowcount == 1


def crash(connection: sqlite3.Connection, claimed: Claim, why: str, failure: Result) -> State:
    """An attempt ended with its worker: the job is pending again, or failed if it was the last.

    ``failure`` becomes the result of a job that has no attempt left.
    """
    row = connection.execute(
        "update jobs set crashes = crashes + 1, error = ?, state = 'pending' "
        "where seq = ? and attempt = ? and state = 'running' returning crashes",
        (why, claimed.seq, claimed.attempt),
    ).fetchone()
    if row is None or row[0] < MAX_ATTEMPTS:
        return "pending"
    _finish(connection, claimed.seq, claimed.attempt, "failed", failure)
    return "failed"


def running(connection: sqlite3.Connection) -> list[Claim]:
    """The attempts that are running, without their bodies: after a start, what a crash cut off."""
    rows = connection.execute(
        "select seq, id, attempt, client_id from jobs where state = 'running' order by number, id"
    )
    return [
        Claim(seq, job_id, attempt, client, {}, (), {}) for seq, job_id, attempt, client in rows
    ]


def _finish(
    connection: sqlite3.Connection, seq: int, attempt: int, state: State, result: Result
) -> bool:
    row = connection.execute(
        "update jobs set state = ?, ended_ms = ?, "
        "finished = (select coalesce(max(finished), 0) + 1 from jobs) "
        "where seq = ? and attempt = ? and finished is null returning finished",
        (state, now_ms(), seq, attempt),
    ).fetchone()
    if row is None:
        return False
    connection.execute(
        "insert into results (job, outputs, meta, messages) values (?, ?, ?, ?)",
        (seq, dumps(result.outputs), dumps(result.meta), dumps(list(result.messages))),
    )
    connection.execute("delete from jobs where finished <= ?", (row[0] - MAX_HISTORY,))
    # One more job in the history pushes one out of the replay.
    connection.execute(
        "delete from events where job in (select seq from jobs where finished = ?)",
        (row[0] - MAX_REPLAYED,),
    )
    return True


def remove_pending(connection: sqlite3.Connection, ids: Sequence[str] | None) -> int:
    """Drop pending jobs by id, or all of them; how many there were."""
    if ids is None:
        return connection.execute("delete from jobs where state = 'pending'").rowcount
    removed = connection.executemany(
        "delete from jobs where id = ? and state = 'pending'", [(job_id,) for job_id in ids]
    )
    return removed.rowcount


def forget(connection: sqlite3.Connection, ids: Sequence[str] | None) -> int:
    """Drop finished jobs from the history by id, or all of them; how many there were."""
    if ids is None:
        return connection.execute("delete from jobs where finished is not null").rowcount
    forgotten = connection.executemany(
        "delete from jobs where id = ? and finished is not null", [(job_id,) for job_id in ids]
    )
    return forgotten.rowcount


def append_events(connection: sqlite3.Connection, events: Sequence[StoredEvent]) -> None:
    """Store events of jobs that still exist."""
    connection.executemany(
        "insert into events (n, job, type, data) select ?, seq, ?, ? from jobs where seq = ?",
        [(event.n, event.type, event.data, event.job) for event in events],
    )


def last_event(connection: sqlite3.Connection) -> int:
    """The largest event number ever given, also when that event was dropped since."""
    row = connection.execute("select seq from sqlite_sequence where name = 'events'").fetchone()
    return row[0] if row else 0


def events_after(connection: sqlite3.Connection, client_id: str, n: int) -> list[StoredEvent]:
    rows = connection.execute(
        "select e.n, e.job, e.type, e.data from jobs j join events e on e.job = j.seq "
        "where j.client_id = ? and e.n > ? order by e.n",
        (client_id, n),
    )
    return [StoredEvent(*row) for row in rows]


def remaining(connection: sqlite3.Connection) -> int:
    """How many jobs are pending or running."""
    row = connection.execute(
        "select count(*) from jobs where state in ('pending', 'running')"
    ).fetchone()
    count: int = row[0]
    return count

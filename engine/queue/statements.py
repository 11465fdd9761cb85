"""The SQL of a job's way into the queue and out of it: one function per change.

Transactions are the caller's. Every value goes in as a bound parameter. An operation may be run
again from its start, so none of them changes anything but the database.
"""

import json
import sqlite3
import time
from collections.abc import Sequence

from engine.queue import ledgers, replay
from engine.queue.cards import JobRow, card_of, workflow_id_of
from engine.queue.job import (
    MAX_ATTEMPTS,
    STATE_OF,
    Claim,
    DuplicateJob,
    Ended,
    State,
    StoredEvent,
    Submission,
)
from engine.queue.jsontext import dumps
from engine.queue.line import Line, Waiting
from engine.queue.results import Result

MAX_HISTORY = 10_000


def now_ms() -> int:
    """Milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


def accept(connection: sqlite3.Connection, job: Submission, created_ms: int) -> Waiting:
    """Store a job as pending; its place in the queue.

    Raises:
        DuplicateJob: there is a job with this id.
    """
    if connection.execute("select 1 from jobs where id = ?", (job.id,)).fetchone():
        raise DuplicateJob(
            f"A prompt with the id '{job.id}' was already submitted. Send it without a prompt_id, "
            "or with a new one."
        )
    terms = job.prompt.terms
    number, explicit = _number(connection, job)
    cursor = connection.execute(
        "insert into jobs (id, number, explicit, client_id, created_ms, files, workflow_id) "
        "values (?, ?, ?, ?, ?, ?, ?)",
        (
            job.id,
            number,
            explicit,
            job.client_id,
            created_ms,
            dumps(terms.files),
            workflow_id_of(job.extra),
        ),
    )
    seq = cursor.lastrowid or 0
    connection.execute(
        "insert into bodies (job, prompt, extra, outputs) values (?, ?, ?, ?)",
        (seq, job.prompt.text, dumps(job.extra), dumps(list(job.outputs))),
    )
    connection.execute(
        "insert into searchable (rowid, words, models, loras, seeds, classes) "
        "values (?, ?, ?, ?, ?, ?)",
        (seq, terms.words, terms.models, terms.loras, terms.seeds, terms.classes),
    )
    return Waiting(number, job.id, seq, job.client_id, explicit, created_ms, files=terms.files)


def _number(connection: sqlite3.Connection, job: Submission) -> tuple[float, bool]:
    """The number of a new job, and whether its sender chose the place."""
    if job.number is not None:
        return job.number, True
    counter: int = connection.execute(
        "update counters set value = value + 1 where name = 'number' returning value - 1"
    ).fetchone()[0]
    return (-counter, True) if job.front else (counter, False)


def finish(
    connection: sqlite3.Connection, claimed: Claim, result: Result, first_event: int
) -> Ended | None:
    """Commit the result of an attempt; None when it is not the current attempt any more.

    The last event of the job, ``executing`` no node, is stored with it as number ``first_event``.
    """
    closing = replay.closing(claimed.seq, claimed.id, first_event)
    return _finish(connection, claimed, STATE_OF[result.status], result, (closing,), was="running")


def crash(
    connection: sqlite3.Connection, claimed: Claim, why: str, failure: Result, first_event: int
) -> Ended | bool:
    """An attempt ended with its worker: True if the job is pending again, else how it failed.

    ``failure`` becomes the result of a job that has no attempt left; its last message and the
    closing one are stored as events from number ``first_event``. False when the attempt is not the
    current one any more.
    """
    row = connection.execute(
        "update jobs set crashes = crashes + 1, error = ?, state = 'pending' "
        "where seq = ? and attempt = ? and state = 'running' returning crashes",
        (why, claimed.seq, claimed.attempt),
    ).fetchone()
    if row is None:
        return False
    if row[0] < MAX_ATTEMPTS:
        _end_attempt(connection, claimed, why)
        return True
    events = replay.endings(claimed.seq, claimed.id, failure, first_event)
    return _finish(connection, claimed, "failed", failure, events, why) or False


def cancel(
    connection: sqlite3.Connection, seq: int, why: str, result: Result, first_event: int
) -> Ended | None:
    """A pending job ends before it began; None when it is not pending."""
    row = connection.execute(
        "update jobs set error = ? where seq = ? and state = 'pending' "
        "returning id, attempt, client_id",
        (why, seq),
    ).fetchone()
    if row is None:
        return None
    claimed = Claim(seq, *row)
    events = replay.endings(seq, claimed.id, result, first_event)
    return _finish(connection, claimed, "cancelled", result, events, why)


def _finish(
    connection: sqlite3.Connection,
    claimed: Claim,
    state: State,
    result: Result,
    events: tuple[StoredEvent, ...],
    reason: str | None = None,
    was: State = "pending",
) -> Ended | None:
    ended_ms = now_ms()
    row = connection.execute(
        "update jobs set state = ?, ended_ms = ?, "
        "finished = (select coalesce(max(finished), 0) + 1 from jobs) "
        "where seq = ? and attempt = ? and state = ? "
        "returning finished, number, created_ms, started_ms, workflow_id",
        (state, ended_ms, claimed.seq, claimed.attempt, was),
    ).fetchone()
    if row is None:
        return None
    finished, number, created_ms, started_ms, workflow_id = row
    job = JobRow(claimed.id, state, number, created_ms, started_ms, ended_ms, workflow_id, reason)
    connection.execute(
        "insert into results (job, outputs, meta, messages) values (?, ?, ?, ?)",
        (claimed.seq, result.outputs, result.meta, result.messages),
    )
    connection.execute(
        "insert into cards (job, card) values (?, ?)",
        (claimed.seq, dumps(card_of(job, result.summary))),
    )
    _end_attempt(connection, claimed, reason)
    ledgers.keep(connection, claimed.seq, state, result)
    replay.append(connection, events)
    connection.execute("delete from jobs where finished <= ?", (finished - MAX_HISTORY,))
    return Ended(claimed.seq, claimed.id, claimed.client_id, state, events)


def _end_attempt(connection: sqlite3.Connection, claimed: Claim, error: str | None) -> None:
    connection.execute(
        "update attempts set ended_ms = ?, error = ? where job = ? and n = ? and ended_ms is null",
        (now_ms(), error, claimed.seq, claimed.attempt),
    )


def remove_pending(connection: sqlite3.Connection, seqs: Sequence[int]) -> dict[int, str]:
    """Drop pending jobs; row numbers and ids of those there were."""
    rows = connection.execute(
        "delete from jobs where state = 'pending' "
        "and seq in (select value from json_each(?)) returning seq, id",
        (dumps(list(seqs)),),
    )
    return dict(rows.fetchall())


def forget(connection: sqlite3.Connection, ids: Sequence[str] | None) -> list[str]:
    """Drop finished jobs from the history by id, or all of them; the ids of those there were."""
    if ids is None:
        rows = connection.execute("delete from jobs where finished is not null returning id")
    else:
        rows = connection.execute(
            "delete from jobs where finished is not null "
            "and id in (select value from json_each(?)) returning id",
            (dumps(list(ids)),),
        )
    return [row[0] for row in rows.fetchall()]


def set_paused(connection: sqlite3.Connection, *, paused: bool) -> None:
    connection.execute("insert or replace into counters values ('paused', ?)", (int(paused),))


def is_paused(connection: sqlite3.Connection) -> bool:
    row = connection.execute("select value from counters where name = 'paused'").fetchone()
    return bool(row and row[0])


def line(connection: sqlite3.Connection) -> Line:
    """The jobs that have not ended, and which clients have had their turns."""
    found: dict[str, list[Waiting]] = {"pending": [], "running": []}
    for state, files, *place in connection.execute(
        "select state, files, number, id, seq, client_id, explicit, created_ms, attempt from jobs "
        "where state in ('pending', 'running')"
    ):
        number, job_id, seq, client_id, explicit, created_ms, attempt = place
        found[state].append(
            Waiting(
                number,
                job_id,
                seq,
                client_id,
                bool(explicit),
                created_ms,
                attempt,
                tuple(json.loads(files)),
            )
        )
    clients = connection.execute(
        "select coalesce(client_id, '') from jobs where started_ms is not null "
        "group by 1 order by max(started_ms)"
    )
    return Line(found["pending"], found["running"], [row[0] for row in clients])

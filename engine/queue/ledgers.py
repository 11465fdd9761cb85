"""What jobs cost: each job's ledger as it came, and sums over all jobs ever run."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from engine.queue.job import State
from engine.queue.results import Result


@dataclass(frozen=True, slots=True)
class ClassTotal:
    """All runs of one node class. ``peak_bytes`` is the largest of them."""

    class_type: str
    runs: int
    seconds: float
    bytes: int
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums since the database began, and what is in it now.

    Attributes:
        waiting: jobs that are pending or running now, by state.
        ended: jobs that have ended since the beginning, by state, forgotten ones too.
        classes: by node class; a node that came from the cache is no run.
        cached: how many results were taken from the cache.
    """

    waiting: Mapping[str, int]
    ended: Mapping[str, int]
    classes: tuple[ClassTotal, ...]
    cached: int


def keep(connection: sqlite3.Connection, seq: int, state: State, result: Result) -> None:
    """Store the ledger of a job that has just ended, and add it to the sums."""
    connection.execute(
        "insert into ended_totals values (?, 1) on conflict do update set jobs = jobs + 1", (state,)
    )
    if result.ledger == "{}":
        return
    connection.execute("insert into ledgers (job, ledger) values (?, ?)", (seq, result.ledger))
    connection.execute(
        "insert into counters values ('cached', ?) "
        "on conflict do update set value = value + excluded.value",
        (result.summary.cached,),
    )
    connection.executemany(
        "insert into class_totals values (?, ?, ?, ?, ?) on conflict do update set "
        "runs = runs + excluded.runs, seconds = seconds + excluded.seconds, "
        "bytes = bytes + excluded.bytes, peak_bytes = max(peak_bytes, excluded.peak_bytes)",
        result.summary.classes,
    )


def of_job(connection: sqlite3.Connection, job_id: str) -> str | None:
    """The ledger of a job as JSON, ``{}`` while it has none, None when there is no such job."""
    row = connection.execute(
        "select coalesce(l.ledger, '{}') from jobs j left join ledgers l on l.job = j.seq "
        "where j.id = ?",
        (job_id,),
    ).fetchone()
    return None if row is None else str(row[0])


def totals(connection: sqlite3.Connection) -> Totals:
    waiting = connection.execute(
        "select state, count(*) from jobs where state in ('pending', 'running') group by state"
    )
    ended = connection.execute("select state, jobs from ended_totals")
    classes = connection.execute(
        "select class_type, runs, seconds, bytes, peak_bytes from class_totals order by class_type"
    )
    cached = connection.execute("select value from counters where name = 'cached'").fetchone()
    return Totals(
        {"pending": 0, "running": 0, **dict(waiting)},
        {"completed": 0, "failed": 0, "cancelled": 0, **dict(ended)},
        tuple(ClassTotal(*row) for row in classes),
        0 if cached is None else cached[0],
    )

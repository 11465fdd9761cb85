"""What jobs cost: each job's ledger as it came, and sums over all jobs ever run."""

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.queue.job import State
from engine.queue.jsontext import dumps


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


def keep(connection: sqlite3.Connection, seq: int, state: State, ledger: Mapping[str, Any]) -> None:
    """Store the ledger of a job that has just ended, and add it to the sums."""
    connection.execute(
        "insert into ended_totals values (?, 1) on conflict do update set jobs = jobs + 1", (state,)
    )
    if not ledger:
        return
    connection.execute("insert into ledgers (job, ledger) values (?, ?)", (seq, dumps(ledger)))
    connection.execute(
        "insert into counters values ('cached', ?) "
        "on conflict do update set value = value + excluded.value",
        (len(ledger.get("cached", ())),),
    )
    connection.executemany(
        "insert into class_totals values (?, ?, ?, ?, ?) on conflict do update set "
        "runs = runs + excluded.runs, seconds = seconds + excluded.seconds, "
        "bytes = bytes + excluded.bytes, peak_bytes = max(peak_bytes, excluded.peak_bytes)",
        [(t.class_type, t.runs, t.seconds, t.bytes, t.peak_bytes) for t in _by_class(ledger)],
    )


def _by_class(ledger: Mapping[str, Any]) -> Iterator[ClassTotal]:
    sums: dict[str, tuple[int, float, int, int]] = {}
    for node in ledger.get("nodes", {}).values():
        class_type = str(node["class_type"])
        runs, seconds, size, peak = sums.get(class_type, (0, 0.0, 0, 0))
        sums[class_type] = (
            runs + 1,
            seconds + float(node.get("seconds") or 0),
            size + int(node.get("bytes") or 0),
            max(peak, int(node.get("peak_bytes") or 0)),
        )
    for class_type, found in sums.items():
        yield ClassTotal(class_type, *found)


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

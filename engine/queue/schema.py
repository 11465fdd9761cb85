"""The tables of the queue, their migrations, and opening a database that may be damaged.

Listings touch ``jobs`` only; prompts and results, which may be megabytes, lie in tables of their
own. Pictures are files and never rows.
"""

import logging
import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from engine.queue.upgrade import describe_old_jobs

_log = logging.getLogger(__name__)

# Step n brings a database from `user_version` n to n + 1. Steps are never edited, only added.
MIGRATIONS = (
    """
    create table jobs (
        seq integer primary key autoincrement,
        id text not null unique,
        number real not null,
        state text not null default 'pending'
            check (state in ('pending', 'running', 'completed', 'failed', 'cancelled')),
        attempt integer not null default 0,  -- grows with every claim: the fence
        crashes integer not null default 0,  -- attempts that ended with their worker or the server
        error text,                          -- why the last of these attempts ended
        client_id text,
        created_ms integer not null,
        started_ms integer,
        ended_ms integer,
        finished integer                     -- place in the history, the oldest is the smallest
    );
    create index jobs_waiting on jobs (state, number, id);
    create unique index jobs_finished on jobs (finished) where finished is not null;
    create table bodies (
        job integer primary key references jobs (seq) on delete cascade,
        prompt text not null,
        extra text not null,
        outputs text not null
    );
    create table results (
        job integer primary key references jobs (seq) on delete cascade,
        outputs text not null,
        meta text not null,
        messages text not null
    );
    create table events (
        n integer primary key autoincrement,
        job integer not null references jobs (seq) on delete cascade,
        type text not null,
        data text not null
    );
    create index events_of_job on events (job, n);
    create table counters (name text primary key, value integer not null) without rowid;
    insert into counters values ('number', 0);
    """,
    """
    -- Its sender chose the number: then fairness between clients leaves the job where it is.
    alter table jobs add column explicit integer not null default 0;
    alter table jobs add column files text not null default '[]';  -- names of models and LoRAs
    alter table jobs add column workflow_id text;
    update jobs set explicit = 1 where number < 0 or number != cast(number as integer);
    create index jobs_of_client on jobs (client_id);
    create index jobs_created on jobs (created_ms, seq);
    create index jobs_of_workflow on jobs (workflow_id) where workflow_id is not null;
    create table attempts (
        job integer not null references jobs (seq) on delete cascade,
        n integer not null,
        worker text not null,
        lease_until integer not null,        -- ms; the worker gives signs of life, or loses the job
        started_ms integer not null,
        ended_ms integer,
        error text,
        primary key (job, n)
    ) without rowid;
    -- A finished job as /api/jobs shows it, so that a listing reads nothing larger.
    create table cards (
        job integer primary key references jobs (seq) on delete cascade,
        card text not null
    );
    create table ledgers (
        job integer primary key references jobs (seq) on delete cascade,
        ledger text not null
    );
    create table class_totals (
        class_type text primary key,
        runs integer not null,
        seconds real not null,
        bytes integer not null,
        peak_bytes integer not null
    ) without rowid;
    create table ended_totals (state text primary key, jobs integer not null) without rowid;
    create virtual table searchable using fts5 (words, models, loras, seeds, classes);
    create trigger jobs_unsearchable after delete on jobs begin
        delete from searchable where rowid = old.seq;
    end;
    """,
)
# What SQL alone cannot do in a step.
_FILLS: Mapping[int, Callable[[sqlite3.Connection], None]] = {1: describe_old_jobs}


class StoreError(RuntimeError):
    """The queue's database cannot be used. The text is a sentence for the operator."""


def prepare(path: Path) -> None:
    """Make ``path`` a sound database of the newest schema.

    A damaged file is moved aside under another name, said aloud, and replaced by an empty one.

    Raises:
        StoreError: the folder cannot be written, or the database is of a newer Patchbay.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _migrate(path)
        except sqlite3.OperationalError:
            raise  # locked, read-only, full: moving it away would help nobody
        except sqlite3.DatabaseError as error:
            _set_aside(path, error)
            _migrate(path)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"The queue's database {path} cannot be opened: {error}.") from error


def connect(path: Path, synchronous: str) -> sqlite3.Connection:
    """A connection without implicit transactions, usable from any one thread at a time."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    try:
        connection.execute("pragma journal_mode = wal")
        connection.execute(f"pragma synchronous = {synchronous}")
        connection.execute("pragma foreign_keys = on")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _migrate(path: Path) -> None:
    connection = connect(path, "full")
    try:
        if connection.execute("pragma quick_check(1)").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("its integrity check failed")
        version = connection.execute("pragma user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise StoreError(
                f"The queue's database {path} was written by a newer Patchbay (schema {version}; "
                f"this one knows {len(MIGRATIONS)}). Update, or choose another --user-directory."
            )
        for step in range(version, len(MIGRATIONS)):
            if version > 0:  # not for one that has just been made
                _back_up(connection, path, step)
            _take_step(connection, step)
    finally:
        connection.close()


def _take_step(connection: sqlite3.Connection, step: int) -> None:
    """One step, whole or not at all."""
    try:
        connection.executescript(f"begin immediate; {MIGRATIONS[step]}")
        if step in _FILLS:
            _FILLS[step](connection)
        version = step + 1
        connection.execute(f"pragma user_version = {version}")
        connection.execute("commit")
    finally:
        if connection.in_transaction:
            connection.execute("rollback")


def _back_up(connection: sqlite3.Connection, path: Path, version: int) -> None:
    copy = path.with_name(f"{path.name}.v{version}-{time.time_ns()}")
    connection.execute("vacuum into ?", (str(copy),))


def _set_aside(path: Path, error: Exception) -> None:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    aside = path.with_name(f"{path.name}.damaged-{stamp}-{time.time_ns() % 1_000_000}")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    _log.error(
        "The queue's database was damaged (%s). It is kept as %s; queue and history start empty.",
        error,
        aside,
    )

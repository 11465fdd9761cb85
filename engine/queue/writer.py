"""The one thread that writes to the queue's database, with group commit.

Whatever waits when the thread is free becomes one transaction, so a hundred prompts submitted at
once cost one flush of the disk. Two connections differ in what a commit means: *durable* ones are
on the disk when the future is done, the others survive a crash of the process but maybe not of the
machine.
"""

import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from engine.queue.schema import connect

T = TypeVar("T")
_MAX_BATCH = 256


@dataclass(frozen=True, slots=True)
class _Work:
    operation: Callable[[sqlite3.Connection], Any]
    durable: bool
    then: Callable[[Any], None] | None
    future: Future[Any]


@dataclass(frozen=True, slots=True)
class _Outcome:
    value: Any = None
    problem: Exception | None = None


class Writer:
    """Runs operations one after another in transactions."""

    def __init__(self, path: Path) -> None:
        self._durable = connect(path, "full")
        self._fast = connect(path, "normal")
        self._waiting: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name="queue-writer", daemon=True)
        self._thread.start()

    def submit(
        self,
        operation: Callable[[sqlite3.Connection], T],
        *,
        durable: bool = False,
        then: Callable[[T], None] | None = None,
    ) -> "Future[T]":
        """Run ``operation`` in a transaction; its error undoes only itself and is the future's.

        It may be run twice, so it must change nothing but the database; ``then`` is called with its
        value, once, in the writer's thread, after the commit and before the future is done.
        Cancelling the future before the operation has begun leaves it out.
        """
        future: Future[T] = Future()
        self._waiting.put(_Work(operation, durable, then, future))
        return future

    def close(self) -> None:
        """Write what waits and end."""
        self._waiting.put(None)
        self._thread.join()
        self._durable.close()
        self._fast.close()

    def _loop(self) -> None:
        while True:
            batch, last = self._batch()
            if batch:
                self._commit(batch)
            if last:
                return

    def _batch(self) -> tuple[list[_Work], bool]:
        batch: list[_Work] = []
        work = self._waiting.get()
        while work is not None:
            batch.append(work)
            if len(batch) == _MAX_BATCH or self._waiting.empty():
                return batch, False
            work = self._waiting.get()
        return batch, True

    def _commit(self, batch: list[_Work]) -> None:
        # Who waited may have been cancelled meanwhile; from here on it is too late for that.
        batch = [work for work in batch if work.future.set_running_or_notify_cancel()]
        durable = any(work.durable for work in batch)
        connection = self._durable if durable else self._fast
        try:
            outcomes = _in_one_go(connection, batch) or _one_by_one(connection, batch)
            connection.execute("commit")
        except sqlite3.Error as error:
            _roll_back(connection)
            for work in batch:
                work.future.set_exception(error)
            return
        problems = [_follow_up(*pair) for pair in zip(batch, outcomes, strict=True)]
        for work, outcome, problem in zip(batch, outcomes, problems, strict=True):
            if problem is None:
                work.future.set_result(outcome.value)
            else:
                work.future.set_exception(problem)


def _in_one_go(connection: sqlite3.Connection, batch: list[_Work]) -> list[_Outcome] | None:
    """The outcomes of all operations, or None, and no change, if one of them fails.

    Few fail, and a savepoint for each costs as much as a small operation.
    """
    connection.execute("begin immediate")
    try:
        return [_Outcome(work.operation(connection)) for work in batch]
    except Exception:  # noqa: BLE001 - found again, and given to whom it belongs, one by one
        _roll_back(connection)
        return None


def _one_by_one(connection: sqlite3.Connection, batch: list[_Work]) -> list[_Outcome]:
    connection.execute("begin immediate")
    return [_attempt(connection, work) for work in batch]


def _attempt(connection: sqlite3.Connection, work: _Work) -> _Outcome:
    connection.execute("savepoint work")
    try:
        return _Outcome(work.operation(connection))
    except Exception as problem:  # noqa: BLE001 - it belongs to whoever waits for the future
        connection.execute("rollback to work")
        return _Outcome(problem=problem)
    finally:
        connection.execute("release work")


def _follow_up(work: _Work, outcome: _Outcome) -> Exception | None:
    """Do what comes after the commit; what is wrong by then."""
    if outcome.problem is None and work.then is not None:
        try:
            work.then(outcome.value)
        except Exception as problem:  # noqa: BLE001 - this thread must live on
            return problem
    return outcome.problem


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("rollback")

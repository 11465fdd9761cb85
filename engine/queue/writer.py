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
    future: Future[Any]


class Writer:
    """Runs operations one after another in transactions.

    ``after_commit`` is called in the writer's thread after each transaction, before the futures of
    its operations are done.
    """

    def __init__(self, path: Path, after_commit: Callable[[sqlite3.Connection], None]) -> None:
        self._durable = connect(path, "full")
        self._fast = connect(path, "normal")
        self._after_commit = after_commit
        self._waiting: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name="queue-writer", daemon=True)
        self._thread.start()

    def submit(
        self, operation: Callable[[sqlite3.Connection], T], *, durable: bool = False
    ) -> "Future[T]":
        """Run ``operation`` in a transaction; its error undoes only itself and is the future's.

        Cancelling the future before the operation has begun leaves it out.
        """
        future: Future[T] = Future()
        self._waiting.put(_Work(operation, durable, future))
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
            connection.execute("begin immediate")
            outcomes = [_attempt(connection, work) for work in batch]
            connection.execute("commit")
            self._after_commit(connection)
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("rollback")
            for work in batch:
                work.future.set_exception(error)
            return
        for work, (value, problem) in zip(batch, outcomes, strict=True):
            if problem is None:
                work.future.set_result(value)
            else:
                work.future.set_exception(problem)


def _attempt(connection: sqlite3.Connection, work: _Work) -> tuple[Any, Exception | None]:
    connection.execute("savepoint work")
    try:
        value = work.operation(connection)
    except Exception as problem:  # noqa: BLE001 - it belongs to whoever waits for the future
        connection.execute("rollback to work")
        return None, problem
    finally:
        connection.execute("release work")
    return value, None

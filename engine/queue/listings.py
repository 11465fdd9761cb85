"""The queue and the history as the JSON text that clients get.

Prompts and results are stored as JSON and put into the answer as they are, without being read.
"""

import sqlite3
from dataclasses import dataclass

from engine.queue.jsontext import dumps, plain_number

_ITEM = "j.number, j.id, b.prompt, b.extra, b.outputs"
_ENTRY = f"{_ITEM}, j.state, r.outputs, r.meta, r.messages"
_HISTORY = "from jobs j join bodies b on b.job = j.seq join results r on r.job = j.seq"


@dataclass(frozen=True, slots=True)
class QueueListing:
    """Items as JSON text, ``[number, id, prompt, extra_data, outputs]``, in running order."""

    running: tuple[str, ...]
    pending: tuple[str, ...]

    def to_json(self) -> str:
        running, pending = ",".join(self.running), ",".join(self.pending)
        return f'{{"queue_running":[{running}],"queue_pending":[{pending}]}}'


def queue(connection: sqlite3.Connection) -> QueueListing:
    found: dict[str, list[str]] = {"running": [], "pending": []}
    for state, *item in connection.execute(
        f"select j.state, {_ITEM} from jobs j join bodies b on b.job = j.seq "  # noqa: S608
        "where j.state in ('running', 'pending') order by j.number, j.id"
    ):
        found[state].append(_item(*item))
    return QueueListing(tuple(found["running"]), tuple(found["pending"]))


def history(connection: sqlite3.Connection, max_items: int | None, offset: int | None) -> str:
    """``{id: entry}`` as JSON, oldest first.

    Without ``offset`` the newest ``max_items``; with it as many from that place of the
    oldest-first list. ``None`` for all.
    """
    limit = -1 if max_items is None else max(max_items, 0)
    if offset is None:
        order, start = "desc", 0
    else:
        order, start = "asc", max(offset, 0)
    rows = connection.execute(
        f"select {_ENTRY} {_HISTORY} where j.finished is not null "
        f"order by j.finished {order} limit ? offset ?",
        (limit, start),
    ).fetchall()
    if offset is None:
        rows.reverse()
    return "{" + ",".join(f"{dumps(row[1])}:{_entry(*row)}" for row in rows) + "}"


def history_entry(connection: sqlite3.Connection, job_id: str) -> str:
    """``{id: entry}`` as JSON, or ``{}`` for a job that is unknown or not finished."""
    row = connection.execute(
        f"select {_ENTRY} {_HISTORY} where j.id = ? and j.finished is not null",
        (job_id,),
    ).fetchone()
    return "{}" if row is None else f"{{{dumps(row[1])}:{_entry(*row)}}}"


def _item(number: float, job_id: str, prompt: str, extra: str, outputs: str) -> str:
    return f"[{dumps(plain_number(number))},{dumps(job_id)},{prompt},{extra},{outputs}]"


def _entry(
    number: float,
    job_id: str,
    prompt: str,
    extra: str,
    targets: str,
    state: str,
    outputs: str,
    meta: str,
    messages: str,
) -> str:
    completed = state == "completed"
    status = (
        f'{{"status_str":"{"success" if completed else "error"}",'
        f'"completed":{"true" if completed else "false"},"messages":{messages}}}'
    )
    item = _item(number, job_id, prompt, extra, targets)
    return f'{{"prompt":{item},"outputs":{outputs},"status":{status},"meta":{meta}}}'

"""The queue, the history and single jobs as the JSON text that clients get.

Prompts and results are stored as JSON and put into the answer as they are, without being read. For
pages of jobs they are not touched at all: what these show of a finished job lies ready as its card.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from engine.queue.cards import JobRow, card_of
from engine.queue.claims import attempts
from engine.queue.job import State
from engine.queue.jsontext import dumps, plain_number
from engine.queue.search import query_of

_ITEM = "j.number, j.id, b.prompt, b.extra, b.outputs"
_ENTRY = f"{_ITEM}, j.state, r.outputs, r.meta, r.messages"
_HISTORY = "from jobs j join bodies b on b.job = j.seq join results r on r.job = j.seq"
_ROW = "j.id, j.state, j.number, j.created_ms, j.started_ms, j.ended_ms, j.workflow_id, j.error"
# The parameter is null when nothing is searched for.
_FOUND = "(?1 is null or j.seq in (select rowid from searchable where searchable match ?1))"
_WANTED = (
    "(?2 is null or j.workflow_id = ?2) "
    "and (?3 = '[]' or j.state in (select value from json_each(?3)))"
)
_SORTS = {
    "created_at": "j.created_ms {0}, j.seq {0}",
    "execution_duration": "coalesce(j.ended_ms - j.started_ms, 0) {0}, j.seq {0}",
}


@dataclass(frozen=True, slots=True)
class QueueListing:
    """Items as JSON text, ``[number, id, prompt, extra_data, outputs]``, in running order."""

    running: tuple[str, ...]
    pending: tuple[str, ...]

    def to_json(self) -> str:
        running, pending = ",".join(self.running), ",".join(self.pending)
        return f'{{"queue_running":[{running}],"queue_pending":[{pending}]}}'


@dataclass(frozen=True, slots=True)
class JobsQuery:
    """Which jobs a page shows.

    Attributes:
        states: of these; none for all.
        by_duration: sorted by how long they ran, not by when they were created.
        limit: at most so many; None for all.
    """

    states: tuple[State, ...] = ()
    workflow_id: str | None = None
    search: str = ""
    by_duration: bool = False
    ascending: bool = False
    limit: int | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True)
class JobsPage:
    """``jobs`` are JSON texts; ``total`` counts all pages."""

    jobs: tuple[str, ...]
    total: int
    query: JobsQuery

    def to_json(self) -> str:
        offset, limit = self.query.offset, self.query.limit
        more = offset + len(self.jobs) < self.total
        pagination = {
            "offset": offset,
            "limit": self.total if limit is None else limit,
            "total": self.total,
            "has_more": more,
        }
        return f'{{"jobs":[{",".join(self.jobs)}],"pagination":{dumps(pagination)}}}'


def queue(connection: sqlite3.Connection, order: Sequence[int]) -> QueueListing:
    """``order`` is the running order of the pending jobs, by row number."""
    rows = connection.execute(
        f"select j.seq, j.state, {_ITEM} from jobs j join bodies b on b.job = j.seq "  # noqa: S608
        "where j.state in ('running', 'pending') order by j.started_ms, j.number, j.id"
    ).fetchall()
    place = {seq: index for index, seq in enumerate(order)}
    pending = [row for row in rows if row[1] == "pending"]
    pending.sort(key=lambda row: place.get(row[0], len(place)))
    running = [row for row in rows if row[1] == "running"]
    return QueueListing(*(tuple(_item(*row[2:]) for row in some) for some in (running, pending)))


def history(
    connection: sqlite3.Connection, max_items: int | None, offset: int | None, search: str
) -> str:
    """``{id: entry}`` as JSON, oldest first, of what ``search`` finds (``search.py``).

    Without ``offset`` the newest ``max_items``; with it as many from that place of the
    oldest-first list. ``None`` for all.
    """
    limit = -1 if max_items is None else max(max_items, 0)
    order, start = ("desc", 0) if offset is None else ("asc", max(offset, 0))
    rows = connection.execute(
        f"select {_ENTRY} {_HISTORY} where j.finished is not null and {_FOUND} "
        f"order by j.finished {order} limit ?2 offset ?3",
        (query_of(search), limit, start),
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


def jobs(connection: sqlite3.Connection, query: JobsQuery) -> JobsPage:
    """A page of job objects."""
    filters = (query_of(query.search), query.workflow_id, dumps(query.states))
    sort = "execution_duration" if query.by_duration else "created_at"
    order = _SORTS[sort].format("asc" if query.ascending else "desc")
    total = connection.execute(
        f"select count(*) from jobs j where {_FOUND} and {_WANTED}",  # noqa: S608
        filters,
    ).fetchone()[0]
    rows = connection.execute(
        f"select c.card, {_ROW} from jobs j left join cards c on c.job = j.seq "  # noqa: S608
        f"where {_FOUND} and {_WANTED} order by {order} limit ?4 offset ?5",
        (*filters, -1 if query.limit is None else query.limit, query.offset),
    )
    found = tuple(card or dumps(card_of(JobRow(*row))) for card, *row in rows)
    return JobsPage(found, total, query)


def job(connection: sqlite3.Connection, job_id: str) -> str | None:
    """A job object with its details and attempts as JSON, or None."""
    found = connection.execute(
        f"select c.card, b.prompt, b.extra, r.outputs, r.messages, {_ROW} from jobs j "  # noqa: S608
        "join bodies b on b.job = j.seq left join cards c on c.job = j.seq "
        "left join results r on r.job = j.seq where j.id = ?",
        (job_id,),
    ).fetchone()
    if found is None:
        return None
    card, prompt, extra, outputs, messages, *row = found
    details = [f'"workflow":{{"prompt":{prompt},"extra_data":{extra}}}']
    tried = [attempt.to_json() for attempt in attempts(connection, job_id)]
    details.append(f'"attempts":{dumps(tried)}')
    if outputs is not None:
        details.append(f'"outputs":{outputs}')
        details.append(f'"execution_status":{_status(JobRow(*row).state, messages)}')
    card = card or dumps(card_of(JobRow(*row)))
    return f"{card[:-1]},{','.join(details)}}}"


def state(connection: sqlite3.Connection, job_id: str) -> State | None:
    row = connection.execute("select state from jobs where id = ?", (job_id,)).fetchone()
    return None if row is None else row[0]


def body(connection: sqlite3.Connection, seq: int) -> tuple[str, str, str]:
    """Prompt, outputs and extra data of a job that there is, as JSON."""
    row: tuple[str, str, str] = connection.execute(
        "select prompt, outputs, extra from bodies where job = ?", (seq,)
    ).fetchone()
    return row


def _item(number: float, job_id: str, prompt: str, extra: str, outputs: str) -> str:
    return f"[{dumps(plain_number(number))},{dumps(job_id)},{prompt},{extra},{outputs}]"


def _entry(
    number: float,
    job_id: str,
    prompt: str,
    extra: str,
    targets: str,
    state: State,
    outputs: str,
    meta: str,
    messages: str,
) -> str:
    item = _item(number, job_id, prompt, extra, targets)
    status = _status(state, messages)
    return f'{{"prompt":{item},"outputs":{outputs},"status":{status},"meta":{meta}}}'


def _status(state: State, messages: str) -> str:
    completed = state == "completed"
    return (
        f'{{"status_str":"{"success" if completed else "error"}",'
        f'"completed":{"true" if completed else "false"},"messages":{messages}}}'
    )

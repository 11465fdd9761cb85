"""What a database of an older Patchbay lacks and SQL alone cannot make."""

import json
import sqlite3

from engine.queue.cards import JobRow, card_of, workflow_id_of
from engine.queue.jsontext import dumps
from engine.queue.results import Result
from engine.queue.search import terms_of


def describe_old_jobs(connection: sqlite3.Connection) -> None:
    """Schema 1 to 2: make all jobs searchable, and cards of those that have ended."""
    rows = connection.execute(
        "select j.seq, j.id, j.state, j.number, j.created_ms, j.started_ms, j.ended_ms, "
        "b.prompt, b.extra, r.outputs, r.messages from jobs j join bodies b on b.job = j.seq "
        "left join results r on r.job = j.seq order by j.seq"
    )
    for seq, job_id, state, number, created, started, ended, prompt, extra, shown, said in rows:
        terms = terms_of(json.loads(prompt))
        workflow_id = workflow_id_of(json.loads(extra))
        connection.execute(
            "update jobs set files = ?, workflow_id = ? where seq = ?",
            (dumps(terms.files), workflow_id, seq),
        )
        connection.execute(
            "insert into searchable (rowid, words, models, loras, seeds, classes) "
            "values (?, ?, ?, ?, ?, ?)",
            (seq, terms.words, terms.models, terms.loras, terms.seeds, terms.classes),
        )
        if shown is not None:
            row = JobRow(job_id, state, number, created, started, ended, workflow_id)
            summary = Result.of("success", json.loads(shown), {}, json.loads(said)).summary
            card = dumps(card_of(row, summary))
            connection.execute("insert into cards (job, card) values (?, ?)", (seq, card))

"""A database of the first schema is carried over whole."""

import json
import sqlite3
from pathlib import Path

import pytest

from engine.queue import schema
from engine.queue.listings import JobsQuery
from engine.queue.schema import MIGRATIONS, StoreError
from engine.queue.store import Store
from tests.engine.queue.stores import DONE, accepted, claims_of_all

PROMPT = {
    "1": {"class_type": "Load", "inputs": {"ckpt_name": "old.safetensors", "seed": 5}},
    "2": {"class_type": "Show", "inputs": {"text": "a castle", "model": ["1", 0]}},
}
EXTRA = {"extra_pnginfo": {"workflow": {"id": "flow"}}}
SAVED = {"filename": "x.png", "subfolder": "", "type": "output"}


@pytest.fixture
def old(path: Path) -> Path:
    """Written with the statements of the first schema, and nothing of today's code."""
    connection = sqlite3.connect(path)
    connection.executescript(MIGRATIONS[0])
    connection.execute("pragma user_version = 1")
    rows = [
        ("done", 0, "completed", 1),
        ("broken", 1, "failed", 2),
        ("first", 2, "pending", None),
        ("half", 0.5, "pending", None),
        ("running", 3, "running", None),
        ("front", -7, "pending", None),
    ]
    for seq, (job_id, number, state, finished) in enumerate(rows, 1):
        connection.execute(
            "insert into jobs (seq, id, number, state, attempt, client_id, created_ms, started_ms, "
            "ended_ms, finished) values (?, ?, ?, ?, ?, 'me', 10, 20, ?, ?)",
            (seq, job_id, number, state, int(state != "pending"), finished and 30, finished),
        )
        connection.execute(
            "insert into bodies values (?, ?, ?, ?)",
            (seq, json.dumps(PROMPT), json.dumps(EXTRA), '["2"]'),
        )
        if finished:
            error = {"node_id": "1", "node_type": "Load", "exception_message": "no"}
            connection.execute(
                "insert into results values (?, ?, '{}', ?)",
                (
                    seq,
                    json.dumps({"2": {"images": [SAVED]}}),
                    json.dumps([["execution_error", error]] if state == "failed" else []),
                ),
            )
    connection.execute("insert into events (n, job, type, data) values (41, 1, 'executing', '{}')")
    connection.execute("update counters set value = 4 where name = 'number'")
    connection.commit()
    connection.close()
    return path


async def test_jobs_order_and_counters_are_kept(old: Path):
    store = Store(old)
    assert store.remaining == 4
    (left,) = await store.interrupted_by_restart()
    assert await store.release(left) is True
    assert await accepted(store, "new", client_id="me") == [4]
    assert await claims_of_all(store) == ["front", "half", "first", "running", "new"]
    assert list(json.loads(await store.history())) == ["done", "broken"]
    assert [e.n for e in await store.events_after("me", 0)] == [41]
    store.close()


async def test_old_jobs_have_cards_and_are_found(old: Path):
    store = Store(old)
    page = await store.jobs(JobsQuery(search="castle model:old seed:5", states=("completed",)))
    (card,) = [json.loads(text) for text in page.jobs]
    assert (card["id"], card["workflow_id"], card["outputs_count"]) == ("done", "flow", 1)
    assert card["preview_output"]["filename"] == "x.png"
    (failed,) = (await store.jobs(JobsQuery(states=("failed",)))).jobs
    assert json.loads(failed)["execution_error"]["exception_message"] == "no"
    assert (await store.jobs(JobsQuery(search="castle"))).total == 6
    claim = await store.claim("w", score=lambda candidate: len(candidate.files))
    assert claim is not None
    assert await store.finish(claim, DONE) is not None
    store.close()


async def test_there_is_a_copy_of_the_database_as_it_was(old: Path):
    Store(old).close()
    (copy,) = old.parent.glob("queue.sqlite.v1-*")
    connection = sqlite3.connect(copy)
    assert connection.execute("pragma user_version").fetchone() == (1,)
    assert connection.execute("select count(*) from jobs").fetchone() == (6,)
    connection.close()
    Store(old).close()
    assert len(list(old.parent.glob("queue.sqlite.v1-*"))) == 1, "once"


async def test_a_step_that_fails_leaves_the_database_as_it_was(
    old: Path, monkeypatch: pytest.MonkeyPatch
):
    connection = sqlite3.connect(old)
    connection.execute("create table attempts (in_the_way)")
    connection.close()
    with pytest.raises(StoreError, match="already exists"):
        Store(old)
    connection = sqlite3.connect(old)
    assert connection.execute("pragma user_version").fetchone() == (1,)
    assert "workflow_id" not in str(connection.execute("pragma table_info(jobs)").fetchall())
    connection.execute("drop table attempts")
    connection.close()
    store = Store(old)
    assert store.remaining == 4
    store.close()


def test_a_new_database_needs_no_copy(path: Path):
    Store(path).close()
    assert [file.name for file in path.parent.glob("queue.sqlite.v*")] == []
    assert len(schema.MIGRATIONS) == 2

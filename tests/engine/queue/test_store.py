"""The durable queue: order, history, fences, and what survives what."""

import ast
import asyncio
import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from engine.queue import statements
from engine.queue.job import DuplicateJob
from engine.queue.results import Result
from engine.queue.schema import MIGRATIONS, StoreError
from engine.queue.store import Store
from tests.engine.queue.stores import DIED, DONE, PROMPT, accepted, claimed, job
from tests.support import REPOSITORY


async def test_numbers_count_from_zero(store: Store):
    assert await accepted(store, "a", "b") == [0, 1]
    assert await accepted(store, "c", front=True) == [-2]
    assert await accepted(store, "d", number=0.5) == [0.5]
    assert await accepted(store, "e") == [3], "a chosen number does not advance the counter"


async def test_smaller_numbers_are_claimed_first_then_smaller_ids(store: Store):
    await accepted(store, "x", "y")
    await accepted(store, "front-1", "front-2", front=True)
    await accepted(store, "tie-b", "tie-a", number=0.5)
    order = [(await claimed(store)).id for _ in range(6)]
    assert order == ["front-2", "front-1", "x", "tie-a", "tie-b", "y"]
    assert await store.claim() is None


async def test_a_claim_carries_the_job(store: Store):
    await accepted(store, "a")
    claim = await claimed(store)
    assert (claim.id, claim.attempt, claim.client_id) == ("a", 1, "client")
    assert claim.prompt == PROMPT
    assert claim.outputs == ("1",)
    assert claim.extra == {"a": 1}


async def test_an_id_is_accepted_once_even_after_it_finished(store: Store):
    await accepted(store, "a")
    with pytest.raises(DuplicateJob, match="already submitted"):
        await accepted(store, "a")
    await store.finish(await claimed(store), DONE)
    with pytest.raises(DuplicateJob):
        await accepted(store, "a")
    assert store.remaining == 0


async def test_everything_survives_the_process(path: Path):
    store = Store(path)
    await accepted(store, "done", "waiting")
    await store.finish(await claimed(store), DONE)
    store.close()
    store = Store(path)
    assert store.remaining == 1
    assert list(json.loads(await store.history())) == ["done"]
    assert (await claimed(store)).id == "waiting"
    assert await accepted(store, "next") == [2], "the counter goes on"
    store.close()


async def test_what_is_accepted_is_on_the_disk_when_the_call_returns(store: Store, path: Path):
    await accepted(store, "a")
    other = sqlite3.connect(path)
    assert other.execute("select id, state from jobs").fetchall() == [("a", "pending")]
    other.close()


async def test_a_late_result_changes_nothing(store: Store):
    await accepted(store, "a")
    first = await claimed(store)
    await store.crash(first, "its worker died", DIED)
    second = await claimed(store)
    assert (second.id, second.attempt) == ("a", 2)
    assert await store.finish(first, DIED) is None
    assert await store.history_entry("a") == "{}"
    assert await store.finish(second, DONE) is not None
    assert await store.finish(second, DIED) is None
    entry = json.loads(await store.history_entry("a"))["a"]
    assert entry["status"]["status_str"] == "success"


async def test_a_third_crash_fails_the_job_with_its_last_error(store: Store):
    await accepted(store, "poison", "next")
    ends = [await store.crash(await claimed(store), "it died", DIED) for _ in range(3)]
    assert ends[:2] == [None, None], "it is pending again"
    assert ends[2] is not None
    assert (ends[2].state, [event.type for event in ends[2].events]) == (
        "failed",
        ["execution_error", "executing"],
    )
    entry = json.loads(await store.history_entry("poison"))["poison"]
    assert entry["status"] == {
        "status_str": "error",
        "completed": False,
        "messages": [["execution_error", {"exception_message": "it died"}]],
    }
    assert (await claimed(store)).id == "next"


async def test_a_released_job_is_not_blamed(store: Store):
    await accepted(store, "a")
    for _ in range(5):
        assert await store.release(await claimed(store)) is True
    claim = await claimed(store)
    assert await store.crash(claim, "it died", DIED) is None
    assert store.remaining == 1


async def test_a_restart_finds_what_was_running(path: Path):
    store = Store(path)
    await accepted(store, "a", "b")
    before = await claimed(store)
    store.close()
    store = Store(path)
    left = await store.interrupted_by_restart()
    assert [(c.id, c.attempt) for c in left] == [("a", before.attempt)]
    assert await store.crash(left[0], "the server ended", DIED) is None
    assert [(await claimed(store)).id for _ in range(2)] == ["a", "b"]
    store.close()


async def test_interrupted_jobs_are_errors_to_old_clients(store: Store):
    await accepted(store, "a")
    await store.finish(await claimed(store), replace(DONE, status="interrupted"))
    status = json.loads(await store.history_entry("a"))["a"]["status"]
    assert (status["status_str"], status["completed"]) == ("error", False)


async def test_the_queue_lists_items_in_running_order(store: Store):
    await accepted(store, "a", "b", "c")
    await accepted(store, "front", front=True)
    await claimed(store)
    listing = json.loads((await store.queue()).to_json())
    assert listing["queue_running"] == [[-3, "front", PROMPT, {"a": 1}, ["1"]]]
    assert [item[:2] for item in listing["queue_pending"]] == [[0, "a"], [1, "b"], [2, "c"]]


async def test_only_pending_jobs_are_removed(store: Store):
    await accepted(store, "a", "b", "c")
    running = await claimed(store)
    assert await store.remove_pending(["a", "b", "unknown"]) == 1
    assert store.remaining == 2
    assert await store.remove_pending() == 1
    assert await store.finish(running, DONE) is not None


async def test_history_is_in_the_order_of_ending_and_paged(store: Store):
    await accepted(store, "a", "b", "c", "d")
    claims = [await claimed(store) for _ in range(4)]
    for claim in reversed(claims):
        await store.finish(claim, DONE)
    pages = {
        "dcba": await store.history(),
        "ba": await store.history(max_items=2),
        "cb": await store.history(max_items=2, offset=1),
        "a": await store.history(max_items=9, offset=3),
        "": await store.history(max_items=0),
    }
    for ids, text in pages.items():
        assert "".join(json.loads(text)) == ids
    assert await store.forget(["b", "unknown"]) == 1
    assert "".join(json.loads(await store.history())) == "dca"
    assert await store.forget() == 3
    assert await store.history() == "{}"


async def test_history_forgets_the_oldest(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(statements, "MAX_HISTORY", 3)
    for name in "abcde":
        await accepted(store, name)
        await store.finish(await claimed(store), DONE)
    assert "".join(json.loads(await store.history())) == "cde"


async def test_results_that_are_no_json_cost_nothing(store: Store):
    await accepted(store, "a")
    odd = {"1": {"text": [float("nan"), float("inf"), Path("x"), (1, 2)]}}
    await store.finish(await claimed(store), Result.of("success", odd, {}, []))
    text = await store.history_entry("a")
    assert json.loads(text)["a"]["outputs"] == {"1": {"text": [None, None, "x", [1, 2]]}}
    assert "NaN" not in text


async def test_events_are_numbered_for_ever_and_found_by_client(path: Path):
    store = Store(path)
    await accepted(store, "a", "b", client_id="me")
    await accepted(store, "c", client_id="other")
    claims = {c.id: c for c in [await claimed(store) for _ in range(3)]}
    numbers = [store.record(claims[i], "executing", f'"{i}"') for i in "abc"]
    assert numbers == [1, 2, 3]
    assert [(e.n, e.data) for e in await store.events_after("me", 0)] == [(1, '"a"'), (2, '"b"')]
    assert [e.n for e in await store.events_after("me", 1)] == [2]
    await store.finish(claims["c"], DONE)
    await store.forget()
    store.close()
    store = Store(path)
    assert store.record(claims["a"], "executing", "{}") > 4, "also after the last one was dropped"
    store.close()


async def test_a_hundred_submissions_at_once_are_all_kept(store: Store, path: Path):
    numbers = await asyncio.gather(*(store.accept(job(f"{i:03}"), 1) for i in range(100)))
    assert sorted(numbers) == list(range(100))
    assert store.remaining == 100
    assert [(await claimed(store)).id for _ in range(3)] == ["000", "001", "002"]


async def test_an_operation_that_fails_undoes_only_itself(store: Store):
    results = await asyncio.gather(
        *(store.accept(job(i), 1) for i in ("a", "b", "a", "c")), return_exceptions=True
    )
    assert [type(r) for r in results] == [int, int, DuplicateJob, int]
    assert store.remaining == 3


async def test_who_stops_waiting_does_not_stop_the_store(store: Store):
    for i in range(50):
        waiting = asyncio.create_task(store.accept(job(f"{i}"), 1))
        await asyncio.sleep(0.0005 * (i % 4))
        waiting.cancel()
        await asyncio.wait([waiting])
    async with asyncio.timeout(120):
        assert (await accepted(store, "last"))[0] >= 0
        while (claim := await store.claim()) is not None and claim.id != "last":
            pass
        assert claim is not None


async def test_a_damaged_database_is_kept_aside_and_said(
    path: Path, caplog: pytest.LogCaptureFixture
):
    store = Store(path)
    await accepted(store, *(f"job-{i}" for i in range(50)))
    store.close()
    damaged = bytearray(path.read_bytes())
    damaged[4096:] = b"\x55" * (len(damaged) - 4096)
    path.write_bytes(damaged)
    store = Store(path)
    assert store.remaining == 0
    assert await accepted(store, "a") == [0]
    store.close()
    aside = list(path.parent.glob("queue.sqlite.damaged-*"))
    assert [f.read_bytes() for f in aside] == [bytes(damaged)]
    assert "was damaged" in caplog.text
    assert str(aside[0]) in caplog.text


async def test_a_file_that_is_no_database_is_kept_aside(path: Path):
    path.write_bytes(b"this is no database" * 1000)
    store = Store(path)
    assert await accepted(store, "a") == [0]
    store.close()
    assert len(list(path.parent.glob("queue.sqlite.damaged-*"))) == 1


def test_a_database_of_a_newer_version_is_left_alone(path: Path):
    Store(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"pragma user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="newer Patchbay"):
        Store(path)
    assert path.read_bytes() == before


def test_a_second_server_on_the_same_database_is_refused(path: Path):
    first = Store(path)
    with pytest.raises(StoreError, match="Another server"):
        Store(path)
    first.close()
    Store(path).close()


def test_listings_and_claims_use_indices(path: Path):
    Store(path).close()
    connection = sqlite3.connect(path)
    for query in (
        "select seq from jobs where state = 'pending' order by number, id limit 1",
        "select count(*) from jobs where state in ('pending', 'running')",
        "select seq from jobs where finished is not null order by finished desc limit 64",
    ):
        plan = " ".join(row[3] for row in connection.execute("explain query plan " + query))
        assert "INDEX" in plan, query
        assert "TEMP B-TREE" not in plan, query
    connection.close()


def test_values_reach_sql_only_as_bound_parameters():
    """S34: what is interpolated into SQL is made of constants of the module."""
    allowed = {"_ITEM", "_ENTRY", "_HISTORY", "_FOUND", "_ROW", "_WANTED", "order"}
    allowed |= {"synchronous", "version"}
    found = set()
    for path in (REPOSITORY / "engine" / "queue").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            called = node.func if isinstance(node, ast.Call) else None
            if not isinstance(called, ast.Attribute):
                continue
            if called.attr in ("execute", "executemany"):
                found |= {type(node.args[0])}
                for part in ast.walk(node.args[0]):
                    assert not isinstance(part, (ast.Mod, ast.Call)), ast.unparse(node)
                    if isinstance(part, ast.FormattedValue):
                        assert ast.unparse(part.value) in allowed, ast.unparse(node)
    assert found <= {ast.Constant, ast.JoinedStr}

"""Events that are kept, and for how long; what each node cost."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from engine.queue import replay
from engine.queue.job import Claim
from engine.queue.results import Result
from engine.queue.statements import now_ms
from engine.queue.store import Store
from tests.engine.queue.stores import DIED, DONE, accepted, claimed, finished

DAY = 86_400_000
LEDGER = {
    "seconds": 2.5,
    "nodes": {
        "1": {"class_type": "Load", "seconds": 0.5, "bytes": 10, "why": "new", "changes": []},
        "2": {"class_type": "Draw", "seconds": 1.5, "bytes": 5, "peak_bytes": 99},
        "3": {"class_type": "Draw", "seconds": 0.5, "bytes": 5, "peak_bytes": 42},
    },
    "cached": ["4"],
}
MEASURED = Result.of("success", {}, {}, [["execution_success", {}]], LEDGER)


async def types_of(store: Store, job_id: str, after: int = 0) -> list[str]:
    known = await store.events_of(job_id, after)
    assert known is not None
    return [event.type for event in known[0]]


async def test_events_are_kept_for_jobs_of_nobody_too(store: Store):
    await accepted(store, "a", client_id=None)
    claim = await claimed(store)
    first = store.record(claim, "execution_start", "{}")
    store.record(claim, "executing", '{"node":"1"}')
    known = await store.events_of("a", 0)
    assert known is not None
    assert ([e.type for e in known[0]], known[1]) == (["execution_start", "executing"], False)
    assert await types_of(store, "a", after=first) == ["executing"]
    assert await store.events_of("unknown", 0) is None


async def test_the_last_event_comes_with_the_result(store: Store):
    await accepted(store, "a")
    claim = await claimed(store)
    n = store.record(claim, "execution_success", "{}")
    ended = await store.finish(claim, DONE)
    assert ended is not None
    (closing,) = ended.events
    assert closing.n > n
    assert json.loads(closing.data) == {"node": None, "prompt_id": "a"}
    known = await store.events_of("a", n)
    assert known == ([closing], True)


async def test_a_job_that_fails_with_its_worker_says_so_before_its_end(store: Store):
    await accepted(store, "a")
    for _ in range(3):
        ended = await store.crash(await claimed(store), "it died", DIED)
    assert ended is not None
    assert await types_of(store, "a") == ["execution_error", "executing"]
    assert [event.n for event in ended.events] == sorted(event.n for event in ended.events)


async def test_events_of_a_late_attempt_do_not_end_the_job(store: Store):
    await accepted(store, "a")
    late = await claimed(store)
    await store.crash(late, "it died", DIED)
    await claimed(store)
    assert await store.finish(late, DONE) is None
    assert await types_of(store, "a") == []


async def test_who_listens_hears_of_each_news(store: Store):
    await accepted(store, "a", "b")
    claim = await claimed(store)
    with store.listening("a") as bell, store.listening("b") as other:
        for news in (
            lambda: store.record(claim, "executing", "{}"),
            lambda: asyncio.ensure_future(store.finish(claim, DONE)),
            lambda: asyncio.ensure_future(store.forget(["a"])),
        ):
            bell.clear()
            news()
            await asyncio.wait_for(bell.wait(), 60)
        assert not other.is_set()
        await store.cancel("b")
        assert other.is_set()


async def test_old_events_go_and_results_stay(path: Path):
    store = Store(path)
    await finished(store, "old")
    await accepted(store, "new")
    claim = await claimed(store)
    store.record(claim, "executing", "{}")
    await store._write(lambda c: replay.sweep(c, now_ms() + (replay.KEEP_DAYS + 1) * DAY))
    assert await types_of(store, "old") == []
    assert await types_of(store, "new") == ["executing"], "it has not ended"
    entry = json.loads(await store.history_entry("old"))["old"]
    assert entry["outputs"] == json.loads(DONE.outputs)
    store.close()


async def test_too_many_events_lose_the_oldest_of_jobs_that_have_ended(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(replay, "MAX_EVENTS", 3)
    await accepted(store, "running")
    running = await claimed(store)
    store.record(running, "executing", "{}")
    for job_id in "abcd":
        await finished(store, job_id)
    await store._write(lambda c: replay.sweep(c, now_ms()))
    assert [len(await types_of(store, job_id)) for job_id in ("running", *"abcd")] == [
        *(1, 0),
        *(1, 1, 1),
    ]


async def test_events_of_a_job_that_is_gone_are_dropped(store: Store):
    store.record(Claim(99, "gone", 1, None), "executing", "{}")
    await accepted(store, "a")
    assert await types_of(store, "a") == []


async def test_a_ledger_is_kept_with_the_result(store: Store):
    await accepted(store, "a")
    assert await store.ledger("a") == "{}"
    await store.finish(await claimed(store), MEASURED)
    assert json.loads(await store.ledger("a") or "") == LEDGER
    assert await store.ledger("unknown") is None


async def test_totals_count_what_was_and_outlive_the_history(store: Store):
    for status in ("success", "success", "error", "interrupted"):
        await finished(store, f"{status}-{store._next_event}", replace(DONE, status=status))
    for job_id in ("a", "b"):
        await finished(store, job_id, MEASURED)
    await accepted(store, "waiting", "running")
    await claimed(store)
    await store.forget()
    totals = await store.totals()
    assert totals.waiting == {"pending": 1, "running": 1}
    assert totals.ended == {"completed": 4, "failed": 1, "cancelled": 1}
    drawn, loaded = totals.classes
    assert (drawn.class_type, drawn.runs, drawn.seconds) == ("Draw", 4, 4.0)
    assert (drawn.bytes, drawn.peak_bytes) == (20, 99)
    assert (loaded.class_type, loaded.runs, loaded.seconds) == ("Load", 2, 1.0)

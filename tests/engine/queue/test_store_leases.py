"""Attempts: leases, who has lost one, fences, and which job suits a worker."""

import asyncio
import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest

from engine.queue.body import Body
from engine.queue.job import Candidate, Submission
from engine.queue.schema import StoreError
from engine.queue.statements import now_ms
from engine.queue.store import Store
from tests.engine.queue.stores import DIED, DONE, accepted, claimed, claims_of_all, job

HOUR = 3_600_000


def loading(job_id: str, *files: str) -> Submission:
    """A job that needs model files."""
    nodes = {
        str(i): {"class_type": "Load", "inputs": {"ckpt_name": file}}
        for i, file in enumerate(files)
    }
    return job(job_id, prompt=Body.of(nodes))


async def attempts_at(store: Store, job_id: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(await store.job(job_id) or "")["attempts"]
    return found


async def test_a_lease_that_nobody_renews_runs_out(store: Store):
    await accepted(store, "a", "b")
    lost = await claimed(store, lease_ms=1000)
    kept = await claimed(store, lease_ms=1000)
    assert await store.expired() == []
    await store.renew([kept], HOUR)
    expired = await store.expired(now_ms() + 2000)
    assert [(c.id, c.attempt) for c in expired] == [(lost.id, lost.attempt)]


async def test_a_lost_attempt_is_fenced(store: Store):
    await accepted(store, "a")
    first = await claimed(store, "one", lease_ms=1)
    await store.crash((await store.expired(now_ms() + 2))[0], "It was silent too long.", DIED)
    assert await store.finish(first, DONE) is None, "also before the next attempt begins"
    second = await claimed(store, "two")
    assert second.attempt == first.attempt + 1
    await store.renew([first], HOUR)
    assert [c.attempt for c in await store.expired(now_ms() + HOUR)] == [second.attempt]
    assert await store.finish(first, DONE) is None
    assert await store.crash(first, "late", DIED) is None
    assert await store.release(first) is False
    assert await store.finish(second, DONE) is not None
    assert [(a["worker"], a.get("error")) for a in await attempts_at(store, "a")] == [
        ("one", "It was silent too long."),
        ("two", None),
    ]


async def test_a_poison_prompt_keeps_its_last_error(store: Store):
    await accepted(store, "poison")
    for n in range(3):
        await store.crash(await claimed(store), f"death {n}", DIED)
    found = json.loads(await store.job("poison") or "")
    assert (found["status"], found["reason"]) == ("failed", "death 2")
    assert [a["error"] for a in found["attempts"]] == ["death 0", "death 1", "death 2"]
    assert await store.claim("w") is None


async def test_an_attempt_that_was_released_leaves_no_trace(store: Store):
    await accepted(store, "a")
    await store.release(await claimed(store))
    assert await attempts_at(store, "a") == []
    assert (await claimed(store)).attempt == 2, "numbers of attempts are never used twice"


async def test_several_workers_get_each_job_once(store: Store):
    await accepted(store, *(f"{i:02}" for i in range(40)))

    async def work(name: str) -> list[str]:
        done = []
        while (claim := await store.claim(name)) is not None:
            done.append(claim.id)
            await store.finish(claim, DONE)
        return done

    shares = await asyncio.gather(*(work(f"w{i}") for i in range(4)))
    assert sorted(itertools.chain.from_iterable(shares)) == [f"{i:02}" for i in range(40)]
    assert store.remaining == 0


async def test_a_restart_knows_what_ran_and_whose_turn_it_was(path: Path):
    store = Store(path)
    await accepted(store, "ann-1", "ann-2", client_id="ann")
    await accepted(store, "bob-1", client_id="bob")
    running = await claimed(store)
    store.close()
    store = Store(path)
    (left,) = await store.interrupted_by_restart()
    assert (left.id, store.remaining) == (running.id, 3)
    assert await store.crash(left, "the server ended", DIED) is None
    assert await claims_of_all(store) == ["bob-1", "ann-1", "ann-2"]
    store.close()


async def test_a_worker_gets_the_job_that_costs_it_least(store: Store):
    for submission in (
        loading("cold", "one.safetensors"),
        loading("warm", "two.safetensors", "style.safetensors"),
        loading("later", "two.safetensors"),
    ):
        await store.accept(submission, now_ms())

    def score(candidate: Candidate) -> float:
        return sum(file != "two.safetensors" for file in candidate.files)

    assert (await claimed(store, score=score)).id == "later"
    assert (await claimed(store, score=score)).id == "cold", "the first of equals"
    assert (await claimed(store)).id == "warm"


async def test_a_candidate_says_what_it_needs_and_how_long_it_has_waited(store: Store):
    await store.accept(loading("a", "sub/one.safetensors", "no model"), now_ms() - 5000)
    seen: list[Candidate] = []
    await store.claim("w", score=lambda candidate: seen.append(candidate) or 0.0)
    (candidate,) = seen
    assert (candidate.id, candidate.client_id) == ("a", "client")
    assert candidate.files == ("sub/one.safetensors",)
    assert 5000 <= candidate.waited_ms < HOUR


async def test_what_a_client_was_told_is_there_to_be_read(store: Store):
    await accepted(store, *(f"{i}" for i in range(20)))
    for _ in range(20):
        claim = await claimed(store)
        running = [json.loads(item)[1] for item in (await store.queue()).running]
        assert claim.id in running, "though the claim does not wait for the disk"


async def test_a_beginning_that_the_disk_did_not_take_is_put_on_record_later(
    store: Store,
):
    await accepted(store, "a", "b", "c")
    store._writer._fast.execute("pragma query_only = on")  # what is not durable cannot be written
    first, second, third = [await claimed(store) for _ in range(3)]
    with pytest.raises(StoreError, match="cannot be written"):
        await store.renew([first], HOUR)
    store._writer._fast.execute("pragma query_only = off")
    assert await store.finish(first, DONE) is not None
    assert await store.crash(second, "it died", DIED) is None
    assert await store.release(third) is True
    again = await claimed(store)
    assert (again.id, again.attempt) == ("b", 2)
    assert [attempt.get("error") for attempt in await attempts_at(store, "b")] == ["it died", None]


async def test_results_say_which_state_a_job_has(store: Store):
    await accepted(store, "a", "b", "c")
    for status in ("success", "error", "interrupted"):
        await store.finish(await claimed(store), replace(DONE, status=status))
    states = [await store.state(i) for i in "abcd"]
    assert states == ["completed", "failed", "cancelled", None]

"""Pausing the queue, giving jobs other places, and cancelling what waits."""

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.queue.moves import CannotMove
from engine.queue.schema import StoreError
from engine.queue.store import Store
from tests.engine.queue.stores import DONE, accepted, claimed, claims_of_all, finished


async def pending(store: Store) -> list[str]:
    return [json.loads(item)[1] for item in (await store.queue()).pending]


async def test_a_paused_queue_hands_out_nothing_and_takes_everything(store: Store):
    await accepted(store, "a", "b")
    running = await claimed(store)
    await store.pause(paused=True)
    assert store.paused
    assert await store.claim("w") is None
    await accepted(store, "c")
    assert await store.finish(running, DONE) is not None, "what runs goes on"
    await store.pause(paused=False)
    assert await claims_of_all(store) == ["b", "c"]


async def test_a_pause_outlives_the_server(path: Path):
    store = Store(path)
    await accepted(store, "a")
    await store.pause(paused=True)
    store.close()
    store = Store(path)
    assert store.paused
    assert await store.claim("w") is None
    store.close()


async def test_a_job_moves_before_and_after_others_and_to_a_number(store: Store):
    await accepted(store, *"abcd")
    await store.move("d", ("before", "a"))
    assert await pending(store) == list("dabc")
    await store.move("d", ("after", "b"))
    assert await pending(store) == list("abdc")
    await store.move("a", ("after", "c"))
    assert await pending(store) == list("bdca")
    assert await store.move("c", -7) == -7
    assert await pending(store) == list("cbda")
    assert await claims_of_all(store) == list("cbda")


async def test_a_place_outlives_the_server(path: Path):
    store = Store(path)
    await accepted(store, *"abc")
    await store.move("c", ("before", "b"))
    store.close()
    store = Store(path)
    assert await claims_of_all(store) == list("acb")
    store.close()


async def test_there_is_always_room_between_two_jobs(store: Store):
    await accepted(store, "a", "b", "c")
    order = list("abc")
    for _ in range(100):  # halving the distance each time would need more digits than there are
        await store.move(order[2], ("before", order[1]))
        order = [order[0], order[2], order[1]]
        assert await pending(store) == order
    assert await claims_of_all(store) == order


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcde"), st.sampled_from(["before", "after"]), st.sampled_from("abcde")
        ),
        max_size=12,
    )
)
def test_moves_do_what_they_say(tmp_path_factory: pytest.TempPathFactory, moves: list):
    async def check() -> None:
        store = Store(tmp_path_factory.mktemp("queue") / "queue.sqlite")
        await accepted(store, *"abcde", number=1)
        expected = list("abcde")
        for job_id, side, other in moves:
            if job_id == other:
                continue
            await store.move(job_id, (side, other))
            expected.remove(job_id)
            expected.insert(expected.index(other) + (side == "after"), job_id)
            assert await pending(store) == expected
        assert await claims_of_all(store) == expected
        store.close()

    asyncio.run(check())


async def test_only_pending_jobs_can_be_moved(store: Store):
    await finished(store, "done")
    await accepted(store, "running", "a")
    await claimed(store)
    for job_id, to, why in [
        ("nobody", 3.0, "There is no prompt with the id 'nobody'"),
        ("done", 3.0, "is completed"),
        ("running", ("before", "a"), "is running"),
        ("a", ("after", "running"), "is running"),
        ("a", ("after", "a"), "before or after itself"),
    ]:
        with pytest.raises(CannotMove, match=why):
            await store.move(job_id, to)
    assert await pending(store) == ["a"]


async def test_numbers_without_room_between_them_are_said(store: Store):
    await accepted(store, "a", "b", number=1e300)
    with pytest.raises(CannotMove, match="too close together"):
        await store.move("b", ("before", "a"))
    assert await pending(store) == ["a", "b"]


async def test_a_cancelled_job_is_in_the_history_with_its_reason(store: Store):
    await accepted(store, "a", "b")
    ended = await store.cancel("a")
    assert ended is not None
    assert [event.type for event in ended.events] == ["execution_interrupted", "executing"]
    assert json.loads(ended.events[1].data) == {"node": None, "prompt_id": "a"}
    job = json.loads(await store.job("a") or "")
    assert job["status"] == "cancelled"
    assert job["reason"] == "It was cancelled before it began."
    assert "execution_start_time" not in job
    assert job["attempts"] == []
    entry = json.loads(await store.history_entry("a"))["a"]
    assert entry["status"]["status_str"] == "error"
    assert await claims_of_all(store) == ["b"]


async def test_only_pending_jobs_are_cancelled_here(store: Store):
    await accepted(store, "running")
    running = await claimed(store)
    assert await store.cancel("running") is None
    assert await store.cancel("unknown") is None
    await store.finish(running, DONE)
    assert await store.cancel("running") is None
    assert json.loads(await store.job("running") or "")["status"] == "completed"


async def test_what_is_being_cancelled_or_removed_is_not_handed_out(store: Store):
    await accepted(store, *"abcd")
    cancelling = asyncio.create_task(store.cancel("a"))
    removing = asyncio.create_task(store.remove_pending(["b"]))
    await asyncio.sleep(0)  # both have begun, and nothing is on the disk yet
    assert (await claimed(store)).id == "c"
    assert await cancelling is not None
    assert await removing == 1
    assert await claims_of_all(store) == ["d"]


async def test_who_stops_waiting_for_a_cancellation_does_not_block_the_job(store: Store):
    for i in range(20):
        await accepted(store, f"{i}")
        cancelling = asyncio.create_task(store.cancel(f"{i}"))
        await asyncio.sleep(0.0005 * (i % 4))
        cancelling.cancel()
        await asyncio.wait([cancelling])
    await accepted(store, "last")
    taken = await claims_of_all(store)
    assert taken[-1] == "last"
    assert store.remaining == len(taken), "each was either cancelled or handed out"


async def test_what_the_disk_does_not_take_has_not_happened(store: Store):
    await accepted(store, "a", "b")
    store._writer._durable.execute("pragma query_only = on")
    for write in (
        accepted(store, "c"),
        store.cancel("a"),
        store.remove_pending(),
        store.move("b", ("before", "a")),
        store.pause(paused=True),
    ):
        with pytest.raises(StoreError, match="cannot be written"):
            await write
    store._writer._durable.execute("pragma query_only = off")
    assert not store.paused
    assert await pending(store) == ["a", "b"]
    assert await claims_of_all(store) == ["a", "b"]

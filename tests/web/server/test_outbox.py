"""What waits for a client: everything for those who keep up, the newest for those who do not."""

import json
from typing import Any

from engine.queue.jsontext import dumps
from web.server import outbox as module
from web.server.outbox import Outbox


def drained(outbox: Outbox) -> list[str | bytes]:
    found = []
    while (message := outbox.pop()) is not None:
        found.append(message)
    return found


def progress(job: str, **nodes: dict[str, Any]) -> str:
    return dumps({"type": "progress_state", "data": {"prompt_id": job, "nodes": nodes}})


def fill(outbox: Outbox) -> list[str]:
    texts = [f"important {i}" for i in range(module._SLOW)]
    for text in texts:
        outbox.put(text)
    return texts


def test_a_client_that_keeps_up_gets_everything_in_order():
    outbox = Outbox()
    outbox.put("a")
    outbox.put_latest("p", b"1")
    outbox.put_latest("p", b"2")
    outbox.put_progress(first := progress("job", a={"value": 1}))
    outbox.put_progress(second := progress("job", b={"value": 1}))
    outbox.put("b")
    assert drained(outbox) == ["a", b"1", b"2", first, second, "b"]


def test_a_slow_client_gets_the_latest_of_each_kind():
    outbox = Outbox()
    texts = fill(outbox)
    for i in range(100):
        outbox.put_latest(("preview", "1"), f"one {i}")
        outbox.put_latest(("preview", "2"), f"two {i}")
    assert drained(outbox) == [*texts, "one 99", "two 99"]


def test_progress_states_of_a_slow_client_become_one_that_says_it_all():
    outbox = Outbox()
    fill(outbox)
    outbox.put_progress(progress("job", a={"state": "running"}, b={"state": "running"}))
    outbox.put_progress(progress("job", a={"state": "finished"}))
    outbox.put_progress(progress("other", a={"state": "running"}))
    states = [json.loads(m)["data"] for m in drained(outbox) if str(m).startswith("{")]
    assert states == [
        {"prompt_id": "job", "nodes": {"a": {"state": "finished"}, "b": {"state": "running"}}},
        {"prompt_id": "other", "nodes": {"a": {"state": "running"}}},
    ]


def test_important_messages_are_never_dropped_until_it_is_too_much():
    outbox = Outbox()
    for i in range(module._MAX_MESSAGES):
        outbox.put(str(i))
    assert not outbox.overflowing
    outbox.put("one more")
    assert outbox.overflowing
    assert len(drained(outbox)) == module._MAX_MESSAGES + 1
    assert not outbox.overflowing


def test_bytes_are_counted():
    outbox = Outbox()
    outbox.put("x" * (module._MAX_BYTES + 1))
    assert outbox.overflowing
    outbox.pop()
    assert not outbox.overflowing


def test_a_greeting_comes_first_and_replayed_numbers_only_once():
    outbox = Outbox()
    outbox.put("seven", 7)
    outbox.put("eight", 8)
    outbox.put("plain")
    outbox.drop_through(7)
    outbox.put_first(["hello", "replayed seven"])
    assert drained(outbox) == ["hello", "replayed seven", "eight", "plain"]

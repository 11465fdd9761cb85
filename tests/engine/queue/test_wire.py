"""A worker's way out: events wait for company, in order, and never behind what came later."""

import os
import threading
from collections.abc import Iterator
from typing import BinaryIO

import pytest

from engine.queue.protocol import Frame, read
from engine.queue.told import Told, events_of
from engine.queue.wire import Attempt, Wire

JOB: Attempt = ("j", 1)


@pytest.fixture
def pipe() -> Iterator[tuple[Wire, BinaryIO]]:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as out, os.fdopen(writing, "wb") as into:
        yield Wire(into), out


def hear(stream: BinaryIO) -> Frame:
    frame = read(stream)
    assert frame is not None
    return frame


def test_an_event_alone_arrives(pipe: tuple[Wire, BinaryIO]):
    wire, out = pipe
    wire.tell(JOB, Told("executed", "{}"))
    assert events_of(hear(out)) == [Told("executed", "{}")]


def test_what_is_sent_comes_after_the_events_before_it(pipe: tuple[Wire, BinaryIO]):
    wire, out = pipe
    wire.tell(JOB, Told("execution_success", "{}"))
    wire.send({"kind": "outcome"})
    assert [hear(out).kind for _ in range(2)] == ["events", "outcome"]


def test_the_events_of_each_thread_keep_their_order(pipe: tuple[Wire, BinaryIO]):
    wire, out = pipe

    def tell(job: str) -> None:
        for n in range(2000):
            wire.tell((job, n % 3), Told("executing" if n % 50 == 0 else "progress", str(n)))

    jobs = ["a", "b", "c"]
    threads = [threading.Thread(target=tell, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    heard: dict[str, list[int]] = {job: [] for job in jobs}
    while sum(map(len, heard.values())) < 6000:
        frame = hear(out)
        numbers = [int(event.text) for event in events_of(frame)]
        assert {n % 3 for n in numbers} == {frame.message["attempt"]}
        heard[frame.message["job"]] += numbers
    for thread in threads:
        thread.join()
    assert heard == {job: list(range(2000)) for job in jobs}


def test_a_large_picture_is_not_kept_waiting_with_others(pipe: tuple[Wire, BinaryIO]):
    wire, out = pipe
    heard: list[Frame] = []
    reader = threading.Thread(target=lambda: heard.append(hear(out)))
    reader.start()
    wire.tell(JOB, Told("preview", "{}", b"x" * 2**20))
    reader.join(60)
    assert events_of(heard[0])[0].image == b"x" * 2**20

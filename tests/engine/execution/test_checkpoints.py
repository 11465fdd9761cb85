"""States of long nodes: taken now and then, whole or not at all, gone when nobody needs them."""

import logging
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.execution.checkpoints import Checkpoints

DAY = 24 * 60 * 60


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Checkpoints]]:
    """Checkpoints in one folder, closed after the test."""
    made: list[Checkpoints] = []

    def open_one(clock: Callable[[], float] = time.time, interval: float = 0.0) -> Checkpoints:
        made.append(Checkpoints(tmp_path / "states", clock, interval))
        return made[-1]

    yield open_one
    for checkpoints in made:
        checkpoints.close()


Opened = Callable[..., Checkpoints]


def files(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("states/*")]


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process can grow beyond 100 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_the_next_process_finds_what_was_kept(opened: Opened) -> None:
    first = opened()
    assert first.load("key") is None
    first.offer("key", lambda: b"step 3")
    first.offer("other", lambda: b"step 9")
    first.close()
    second = opened()
    assert second.load("key") == b"step 3"
    assert second.load("other") == b"step 9"


def test_a_state_can_be_loaded_before_the_disk_has_it(opened: Opened) -> None:
    checkpoints = opened()
    for step in range(200):
        checkpoints.offer("key", lambda step=step: str(step).encode())
        assert checkpoints.load("key") == str(step).encode()
    checkpoints.drop("key")
    assert checkpoints.load("key") is None


def test_of_many_states_the_latest_is_kept(opened: Opened) -> None:
    checkpoints = opened()
    for step in range(200):
        checkpoints.offer("key", lambda step=step: str(step).encode())
    checkpoints.close()
    assert opened().load("key") == b"199"


def test_a_state_is_made_at_most_once_an_interval(opened: Opened) -> None:
    clock, made = Clock(), []
    checkpoints = opened(clock, interval=5.0)
    start = clock.now

    def make() -> bytes:
        made.append(clock.now - start)
        return b"state"

    checkpoints.load("key")
    for tenth in range(200):
        clock.now = start + tenth / 10
        checkpoints.offer("key", make)
    assert made == [5.0, 10.0, 15.0]


def test_each_key_has_an_interval_of_its_own(opened: Opened) -> None:
    checkpoints = opened(Clock(), interval=5.0)
    for key in ("a", "b", "a", "b"):
        checkpoints.offer(key, key.encode)
    assert (checkpoints.load("a"), checkpoints.load("b")) == (b"a", b"b")


def test_a_clock_that_was_set_back_does_not_stop_states(opened: Opened) -> None:
    clock = Clock()
    checkpoints = opened(clock, interval=5.0)
    checkpoints.offer("key", lambda: b"before")
    clock.now -= 3600
    checkpoints.offer("key", lambda: b"after")
    assert checkpoints.load("key") == b"after"


def test_a_finished_node_leaves_nothing_behind(tmp_path: Path, opened: Opened) -> None:
    checkpoints = opened()
    checkpoints.offer("key", lambda: b"state")
    checkpoints.drop("key")
    checkpoints.drop("key")
    checkpoints.close()
    assert files(tmp_path) == []


def test_a_state_of_an_earlier_process_is_dropped_once_it_was_looked_for(
    tmp_path: Path, opened: Opened
) -> None:
    first = opened()
    first.offer("key", lambda: b"state")
    first.close()
    second = opened()
    assert second.load("key") == b"state"
    second.drop("key")
    second.close()
    assert files(tmp_path) == []


def test_nodes_without_states_cost_no_disk(tmp_path: Path, opened: Opened) -> None:
    checkpoints = opened()
    for number in range(1000):
        checkpoints.drop(str(number))
    checkpoints.close()
    assert not (tmp_path / "states").exists()


def test_old_states_and_parts_of_files_are_swept_at_the_start(
    tmp_path: Path, opened: Opened
) -> None:
    first = opened()
    for key in ("old", "young"):
        first.offer(key, key.encode)
    first.close()
    old = first._path("old")
    part = tmp_path / "states" / ".part-left-by-a-crash"
    part.write_bytes(b"half")
    long_ago = time.time() - DAY - 60
    for path in (old, part):
        os.utime(path, (long_ago, long_ago))
    second = opened()
    assert second.load("old") is None
    assert second.load("young") == b"young"
    assert not part.exists()


def test_a_worker_that_never_stops_sweeps_once_a_day(tmp_path: Path, opened: Opened) -> None:
    clock = Clock()
    checkpoints = opened(clock)
    checkpoints.offer("cancelled", lambda: b"state")
    checkpoints.close()
    clock.now += 2 * DAY
    checkpoints.load("another")
    assert files(tmp_path) == []


@pytest.mark.parametrize("key", ["../../outside", "/etc/passwd", "a/b", "", "x" * 5000, "ü\0"])
def test_any_key_is_a_file_in_the_folder(tmp_path: Path, opened: Opened, key: str) -> None:
    checkpoints = opened()
    checkpoints.offer(key, lambda: b"state")
    checkpoints.close()
    assert len(files(tmp_path)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["states"]
    assert opened().load(key) == b"state"


def test_a_full_disk_is_said_once_and_stops_nobody(
    tmp_path: Path, opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    first = opened()
    first.offer("key", lambda: b"small")
    first.close()
    second = opened()
    with full_disk():
        for _ in range(3):
            second.offer("key", lambda: b"x" * 1000)
            second.offer("other", lambda: b"x" * 1000)
        second.close()
    assert [record.message.count("Make room") for record in caplog.records] == [1]
    assert opened().load("key") == b"small"
    assert len(files(tmp_path)) == 1


def test_a_folder_that_cannot_be_made_stops_nobody(
    tmp_path: Path, opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "states").write_text("a file where the folder should be")
    checkpoints = opened()
    assert checkpoints.load("key") is None
    checkpoints.offer("key", lambda: b"state")
    checkpoints.close()
    assert "cannot be kept" in caplog.text


def test_what_making_a_state_raises_is_the_node_s(opened: Opened) -> None:
    checkpoints = opened()

    def fail() -> bytes:
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        checkpoints.offer("key", fail)
    assert checkpoints.load("key") is None


def test_many_threads_keep_their_keys_apart(opened: Opened) -> None:
    checkpoints = opened()

    def node(number: int) -> None:
        key = str(number)
        for step in range(50):
            checkpoints.offer(key, lambda step=step: f"{number}/{step}".encode())
        if number % 2:
            checkpoints.drop(key)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(node, range(16)))
    checkpoints.close()
    found = opened()
    kept = {number: found.load(str(number)) for number in range(16)}
    assert kept == {n: None if n % 2 else f"{n}/49".encode() for n in range(16)}


CHILD = """
import sys
from pathlib import Path
from engine.execution.checkpoints import Checkpoints

checkpoints = Checkpoints(Path(sys.argv[1]), interval=0.0)
for step in range(1, 1_000_000):
    checkpoints.offer("key", lambda: (b"%07d" % step) * 20_000)
    if step % 100 == 0:
        print(step, flush=True)
"""


def test_a_killed_process_leaves_one_whole_state(tmp_path: Path, opened: Opened) -> None:
    command = [sys.executable, "-c", CHILD, str(tmp_path / "states")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        while not any(name.endswith(".state") for name in files(tmp_path)):
            assert child.stdout.readline()
        for _ in range(5):
            child.stdout.readline()
        child.kill()
    found = opened().load("key")
    assert found is not None
    assert found == found[:7] * 20_000

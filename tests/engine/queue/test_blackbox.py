"""The black box: what a worker was at is known after any death of it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.queue.blackbox import BlackBox, Recorder
from tests.support import REPOSITORY

JOB = ("j", 1)


@pytest.fixture
def box() -> Iterator[BlackBox]:
    made = BlackBox()
    yield made
    made.close()


def test_a_new_box_is_empty(box: BlackBox) -> None:
    assert box.nodes() == {}
    Recorder(box.path)
    assert box.nodes() == {}


def test_of_each_attempt_the_node_that_began_last_is_known(box: BlackBox) -> None:
    recorder = Recorder(box.path)
    for attempt, node_id in ((JOB, "1"), (("k 2", 3), "ä"), (JOB, "2")):
        recorder.begins(attempt, node_id)
    assert box.nodes() == {JOB: "2", ("k 2", 3): "ä"}
    recorder.ends(JOB)
    assert box.nodes() == {("k 2", 3): "ä"}


def test_a_name_that_does_not_fit_is_left_out(box: BlackBox) -> None:
    recorder = Recorder(box.path)
    recorder.begins(JOB, "x" * 100_000)
    assert box.nodes() == {}
    recorder.begins(JOB, "1")
    assert box.nodes() == {JOB: "1"}


def test_it_outlives_a_worker_that_is_killed(box: BlackBox) -> None:
    code = (
        "import os, signal, sys; from engine.queue.blackbox import Recorder\n"
        "recorder = Recorder(sys.argv[1])\n"
        "for n in range(1000): recorder.begins(('j', 1), str(n))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-c", code, box.path], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert box.nodes() == {JOB: "999"}


@given(st.binary(max_size=200))
def test_noise_in_it_is_nothing(noise: bytes) -> None:
    box = BlackBox()
    try:
        Path(box.path).write_bytes(noise)
        assert isinstance(box.nodes(), dict)
    finally:
        box.close()


def test_a_box_without_a_name_can_be_read_and_written(box: BlackBox) -> None:
    recorder = Recorder(box.path)
    box.hide()
    assert not box.path.exists()
    recorder.begins(JOB, "1")
    assert box.nodes() == {JOB: "1"}


def test_a_closed_box_leaves_no_file(box: BlackBox) -> None:
    box.close()
    assert not box.path.exists()

"""The worker process: its pipes, its end, its cancel flags."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.execution.job import DEVICE_FREE
from engine.queue.blackbox import VARIABLE, BlackBox
from engine.queue.outcome import result_of
from engine.queue.protocol import Frame, pack, read
from engine.queue.told import Told, events_of
from tests.support import REPOSITORY

COMMAND = [sys.executable, str(Path(__file__).with_name("tiny_worker.py"))]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPOSITORY)}


class Worker:
    def __init__(self, *flags: str) -> None:
        self.box = BlackBox()
        self.process = subprocess.Popen(
            [*COMMAND, *flags],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**ENVIRONMENT, VARIABLE: str(self.box.path)},
        )

    def send(self, **message: Any) -> None:
        self.process.stdin.write(pack(message))
        self.process.stdin.flush()

    def run(self, do: str, job: str = "j", attempt: int = 1) -> None:
        prompt = {"1": {"class_type": "Do", "inputs": {"do": do}}}
        self.send(kind="run", job=job, attempt=attempt, prompt=prompt, outputs=["1"], extra={})

    def hear(self) -> Frame:
        frame = read(self.process.stdout)
        assert frame is not None
        return frame

    def until(self, kind: str) -> Frame:
        while (frame := self.hear()).kind != kind:
            pass
        return frame

    def told(self, until: str) -> list[Told]:
        """The events up to the frame with the first of this type."""
        found: list[Told] = []
        while until not in [event.type for event in found]:
            found += events_of(self.until("events"))
        return found

    def end(self) -> tuple[int, str]:
        """Close its stdin, as the end of its server would; exit code and stderr."""
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors.decode()


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker("--print")
    yield worker
    worker.process.kill()
    worker.process.wait()


def test_it_tells_its_catalogue_and_device_first(worker: Worker):
    frame = worker.hear()
    assert frame.kind == "ready"
    assert [spec["class_type"] for spec in frame.message["catalogue"]] == ["Do"]
    assert frame.message["device"]["devices"] == [{"name": "tiny"}]


def test_a_job_gives_events_and_one_outcome(worker: Worker):
    worker.run("picture", attempt=7)
    worker.until("ready")
    heard = []
    while not heard or heard[-1].kind != "outcome":
        heard.append(worker.hear())
    assert all((f.message["job"], f.message["attempt"]) == ("j", 7) for f in heard)
    events = [event for frame in heard[:-1] for event in events_of(frame)]
    assert [(e.type, e.data, e.image) for e in events] == [
        ("execution_start", {"prompt_id": "j"}, b""),
        ("executing", {"node": "1", "prompt_id": "j"}, b""),
        ("preview", {"node_id": "1"}, b"picture"),
        ("execution_success", {"prompt_id": "j"}, b""),
    ]
    assert json.loads(result_of(heard[-1]).outputs) == {"1": {"text": ["picture"]}}


def test_who_was_at_work_is_known_when_the_process_dies(worker: Worker):
    worker.run("die")
    assert worker.process.wait(60) == -signal.SIGKILL
    assert worker.box.nodes() == {("j", 1): "1"}


def test_of_what_has_ended_nothing_was_at_work(worker: Worker):
    worker.run("nothing")
    worker.until("outcome")
    worker.end()
    assert worker.box.nodes() == {}


def test_prints_go_to_the_log(worker: Worker):
    worker.until("ready")
    code, errors = worker.end()
    assert code == 0
    assert "noise at the start\n" in errors
    assert "raw noise\n" in errors


def test_a_cancel_reaches_the_job_that_runs(worker: Worker, tmp_path: Path):
    worker.run(f"wait {tmp_path / 'began'}", attempt=2)
    worker.send(kind="cancel", job="j", attempt=1)
    worker.send(kind="cancel", job="other", attempt=2)
    worker.send(kind="cancel", job="j", attempt=2)
    assert worker.until("outcome").message["status"] == "interrupted"
    worker.run("nothing", attempt=3)
    assert worker.until("outcome").message["status"] == "success"


def test_a_fault_of_the_engine_is_an_error_and_not_a_death(worker: Worker):
    worker.run("break")
    result = result_of(worker.until("outcome"))
    assert result.status == "error"
    assert "the engine is broken" in result.messages
    worker.run("nothing")
    assert worker.until("outcome").message["status"] == "success"


def test_two_jobs_overlap_and_their_events_are_told_apart(worker: Worker, tmp_path: Path):
    worker.run(f"save {tmp_path / 'saved'}", job="a")
    assert [event.type for event in worker.told(DEVICE_FREE)][-1] == DEVICE_FREE
    worker.run("nothing", job="b", attempt=4)
    outcome = worker.until("outcome").message
    assert (outcome["job"], outcome["attempt"]) == ("b", 4)
    (tmp_path / "saved").touch()
    assert worker.until("outcome").message["job"] == "a"


def test_memory_is_given_back_when_nothing_runs(worker: Worker, tmp_path: Path):
    worker.run(f"gate {tmp_path / 'gate'}", job="a")
    worker.send(kind="free", unload_models=True, free_memory=False)
    worker.run("nothing", job="b")
    worker.send(kind="ask", id=1, what="plan", payload={})
    worker.until("answer")
    (tmp_path / "gate").touch()
    assert [worker.until("outcome").message["job"] for _ in range(2)] == ["a", "b"]
    assert "free True False" in worker.end()[1]


def test_questions_are_answered_beside_a_job(worker: Worker, tmp_path: Path):
    worker.run(f"hang {tmp_path / 'began'}")
    worker.send(kind="ask", id=1, what="never", payload={})
    worker.send(kind="ask", id=2, what="plan", payload={"deep": [1]})
    worker.send(kind="ask", id=3, what="fault", payload={})
    answers = {m["id"]: m for m in (worker.until("answer").message for _ in range(2))}
    assert answers[2]["value"] == {"what": "plan", "deep": [1]}
    assert answers[2]["error"] is None
    assert answers[3]["error"] == "ValueError: nothing is known of that"


def test_it_gives_signs_of_life_while_a_node_computes(worker: Worker, tmp_path: Path):
    worker.run(f"spin {tmp_path / 'began'}")
    worker.until("alive")
    worker.until("alive")


def test_facts_of_the_device_follow_a_job(worker: Worker):
    worker.run("nothing")
    worker.until("outcome")
    assert worker.until("device").message["device"]["devices"] == [{"name": "tiny"}]


def test_it_ends_when_its_server_goes_even_in_the_middle_of_a_job(worker: Worker, tmp_path: Path):
    worker.run(f"hang {tmp_path / 'began'}")
    worker.told("executing")
    assert worker.end()[0] == 0


def test_a_worker_that_cannot_start_says_why():
    worker = Worker("--broken")
    frame = worker.hear()
    assert frame.kind == "failed"
    assert frame.message["message"] == "ImportError: no module named 'torch'"
    assert worker.process.wait(60) == 1
    assert "Traceback" in worker.end()[1]

"""Nothing is lost when a process is killed: the worker, the server, or both."""

import contextlib
import os
import signal
import sqlite3
from pathlib import Path

import pytest

from tests.web.server.serving import Server, alive, chain, children, wait_for


def worker_of(server: Server) -> int:
    (worker,) = wait_for(lambda: children(server.process.pid))
    return worker


def began(gate: Path) -> list[str]:
    """The processes in which the ToyGate of this file began, in order."""
    file = Path(f"{gate}.began")
    return file.read_text().split() if file.exists() else []


def sound(base: Path) -> bool:
    with sqlite3.connect(base / "user" / "patchbay.sqlite") as connection:
        return connection.execute("pragma integrity_check").fetchall() == [("ok",)]


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    return tmp_path / "gate"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "base"
    folder.mkdir()
    return folder


def test_a_killed_worker_is_replaced_and_its_prompt_runs_again(base: Path, gate: Path):
    server = Server(base)
    prompt_id = server.submit(chain("ToyGate", file=str(gate), value=7))
    later = server.submit(chain(value=8))
    wait_for(lambda: began(gate))
    worker = worker_of(server)
    assert began(gate) == [str(worker)]
    os.kill(worker, signal.SIGKILL)
    gate.touch()
    entry = server.finished(prompt_id)
    assert entry["status"]["completed"] is True
    assert entry["outputs"] == {"3": {"text": ["7"]}}
    assert server.finished(later)["status"]["completed"] is True
    assert worker_of(server) != worker
    assert server.stop() == 0
    assert sound(base)


def test_a_prompt_that_kills_its_worker_is_given_up_and_named(base: Path):
    server = Server(base)
    poison = server.submit(chain("ToyKill"))
    after = server.submit(chain(value=9))
    status = server.finished(poison)["status"]
    assert status["status_str"] == "error"
    type_, error = status["messages"][-1]
    assert type_ == "execution_error"
    assert (error["node_id"], error["node_type"]) == ("2", "ToyKill")
    assert "signal 9" in error["exception_message"]
    assert "3 of 3" in error["exception_message"]
    assert server.finished(after)["status"]["completed"] is True
    server.stop()


def test_a_killed_server_loses_nothing(base: Path, gate: Path):
    server = Server(base)
    done = server.submit(chain(value=1))
    entry = server.finished(done)
    running = server.submit(chain("ToyGate", file=str(gate), value=2))
    wait_for(lambda: began(gate))
    waiting = [server.submit(chain("ToySlow", value=10 + i)) for i in range(10)]
    front = server.submit(chain(value=99), front=True)
    worker = worker_of(server)
    server.kill()
    wait_for(lambda: not alive(worker))  # a worker does not outlive its server
    assert sound(base)

    server = Server(base)
    assert server.get(f"/history/{done}").json == {done: entry}
    gate.touch()
    for prompt_id in (running, *waiting, front):
        assert server.finished(prompt_id)["status"]["completed"] is True
    order = list(server.get("/history").json)
    assert order == [done, front, running, *waiting]
    assert server.get("/prompt").json["exec_info"]["queue_remaining"] == 0
    assert server.stop() == 0
    assert sound(base)


def test_server_and_worker_killed_together_again_and_again(base: Path, gate: Path):
    """Two kills while one prompt runs: the third attempt may still finish."""
    server = Server(base)
    running = server.submit(chain("ToyGate", file=str(gate), value=3))
    waiting = [server.submit(chain("ToySlow", value=20 + i)) for i in range(3)]
    for ended in range(2):
        wait_for(lambda ended=ended: len(began(gate)) == ended + 1)
        worker = worker_of(server)
        server.kill()
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
        server = Server(base)
    wait_for(lambda: len(began(gate)) == 3)
    gate.touch()
    for prompt_id in (running, *waiting):
        assert server.finished(prompt_id)["status"]["completed"] is True
    assert server.stop() == 0
    assert sound(base)


def test_a_clean_stop_puts_the_running_prompt_back(base: Path, gate: Path):
    server = Server(base)
    running = server.submit(chain("ToyGate", file=str(gate), value=4))
    wait_for(lambda: began(gate))
    assert server.stop() == 0
    gate.touch()
    server = Server(base)
    assert server.finished(running)["status"]["completed"] is True
    assert server.stop() == 0

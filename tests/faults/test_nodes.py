"""Nodes that misbehave end their own prompt in a clear state, and the queue goes on."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.server.serving import Server, chain, children, wait_for


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    base: Path = tmp_path_factory.mktemp("faults")
    (base / "custom_nodes").mkdir()
    shutil.copy2(Path(__file__).with_name("pack.py"), base / "custom_nodes" / "faults.py")
    server = Server(base)
    yield server
    assert server.stop() == 0


def goes_on(server: Server) -> bool:
    entry = server.finished(server.submit(chain(value=1)))
    return bool(entry["status"]["completed"])


def error_of(entry: Any) -> Any:
    assert entry["status"]["status_str"] == "error"
    type_, data = entry["status"]["messages"][-1]
    assert type_ == "execution_error"
    return data


def test_one_that_raises(server: Server):
    error = error_of(server.finished(server.submit(chain("ToyFail", value=4))))
    assert (error["node_id"], error["exception_type"]) == ("2", "ValueError")
    assert "4 is not liked" in error["exception_message"]
    assert goes_on(server)


def test_one_that_takes_all_memory(server: Server):
    prompt = {"1": {"class_type": "FaultLeak", "inputs": {"name": "x"}}}
    error = error_of(server.finished(server.submit(prompt)))
    assert (error["node_id"], error["exception_type"]) == ("1", "MemoryError")
    assert goes_on(server)


def test_one_that_kills_its_process(server: Server):
    error = error_of(server.finished(server.submit(chain("ToyKill"))))
    assert (error["node_id"], error["exception_type"]) == ("2", "WorkerDied")
    assert "memory runs out" in error["exception_message"], "the other thing that ends with SIGKILL"
    assert goes_on(server)


def test_one_that_never_ends_is_ended_by_an_interrupt(server: Server, tmp_path: Path):
    began = tmp_path / "began"
    hanging = server.submit({"1": {"class_type": "FaultHang", "inputs": {"file": str(began)}}})
    wait_for(began.exists)
    (worker,) = children(server.process.pid)
    server.post("/interrupt", {"prompt_id": hanging})
    entry = server.finished(hanging)
    assert entry["status"]["messages"][-1][0] == "execution_interrupted"
    assert goes_on(server)
    assert children(server.process.pid) != [worker]

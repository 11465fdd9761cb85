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


@pytest.mark.parametrize("values", [1, 3])
def test_one_that_gives_a_wrong_number_of_outputs(server: Server, values: int):
    error = alone_fails(server, "FaultCount", values=values)
    assert "declares 2 outputs but returned" in error["exception_message"]


@pytest.mark.parametrize("class_type", ["FaultEnd", "FaultEndLater"])
@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("exit", "raised SystemExit (3)"),
        ("interrupt", "raised KeyboardInterrupt"),
        ("other", "gone"),
    ],
)
def test_one_that_raises_what_ends_a_program(server: Server, class_type: str, how: str, said: str):
    workers = children(server.process.pid)
    assert said in alone_fails(server, class_type, how=how)["exception_message"]
    assert children(server.process.pid) == workers


def test_one_that_cancels_itself_was_not_interrupted_by_anybody(server: Server):
    error = alone_fails(server, "FaultEndLater", how="cancel")
    assert "cancelled by its own code" in error["exception_message"]


def test_one_that_shows_what_is_no_json(server: Server):
    entry = server.finished(server.submit({"1": {"class_type": "FaultShow", "inputs": {}}}))
    assert entry["status"]["completed"] is True
    assert entry["outputs"]["1"]["odd"] == [
        None,
        "<5 bytes>",
        {"set": "{1}", "('a', 1)": 2},
        "<_Silent>",
        [1, "..."],
        "\ud800",
    ]
    assert goes_on(server)


def test_one_that_tells_a_hundred_thousand_steps(server: Server):
    prompt = {"1": {"class_type": "FaultChatter", "inputs": {"steps": 100_000}}}
    chatter = server.submit(prompt, client_id="nobody")
    after = server.submit(chain(value=2))
    assert server.finished(chatter)["status"]["completed"] is True
    assert server.finished(after)["status"]["completed"] is True


def alone_fails(server: Server, class_type: str, **inputs: Any) -> Any:
    """The error of a prompt of one node; what comes after it is well."""
    entry = server.finished(server.submit({"1": {"class_type": class_type, "inputs": inputs}}))
    error = error_of(entry)
    assert (error["node_id"], error["node_type"]) == ("1", class_type)
    assert goes_on(server)
    return error

"""Several workers under one server, and what only a worker can say of a prompt."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.server.serving import Server, alive, chain, children, wait_for

# A pack in the classic form whose class checks its own input.
PICKY = """
import os

class Picky:
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"word": ("STRING", {"default": ""})}}

    RETURN_TYPES = ()
    FUNCTION = "show"
    OUTPUT_NODE = True
    CATEGORY = "toy"

    @classmethod
    def VALIDATE_INPUTS(cls, word):
        if word == "die":
            os._exit(9)
        return True if word == "please" else f"'{word}' is not the magic word"

    def show(self, word):
        return {"ui": {"text": [word]}}

NODE_CLASS_MAPPINGS = {"Picky": Picky}
"""


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    base: Path = tmp_path_factory.mktemp("two")
    (base / "custom_nodes").mkdir()
    (base / "custom_nodes" / "picky.py").write_text(PICKY)
    server = Server(base, "--workers", "2")
    yield server
    assert server.stop() == 0


def picky(word: str) -> dict[str, object]:
    return {"1": {"class_type": "Picky", "inputs": {"word": word}}}


def test_two_workers_run_two_prompts_at_once(two: Server, tmp_path: Path):
    gate = tmp_path / "gate"
    first, second = (two.submit(chain("ToyGate", file=str(gate), value=n)) for n in (1, 2))
    began = Path(f"{gate}.began")
    wait_for(lambda: began.exists() and len(began.read_text().split()) == 2)
    assert len(set(began.read_text().split())) == 2, "two processes"
    assert sorted(two.running()) == sorted([first, second])
    gate.touch()
    assert two.finished(first)["status"]["completed"]
    assert two.finished(second)["status"]["completed"]


def test_both_workers_end_with_their_server(tmp_path: Path):
    server = Server(tmp_path, "--workers", "2")
    workers = wait_for(lambda: (found := children(server.process.pid))[1:] and found)
    server.kill()
    wait_for(lambda: not any(map(alive, workers)))


def test_a_node_s_own_check_refuses_a_prompt(two: Server):
    refused = two.post("/prompt", {"prompt": picky("now")})
    assert refused.status == 400
    (error,) = refused.json["node_errors"]["1"]["errors"]
    assert error["type"] == "custom_validation_failed"
    assert "'now' is not the magic word" in error["details"]
    entry = two.finished(two.submit(picky("please")))
    assert entry["outputs"] == {"1": {"text": ["please"]}}


def test_a_node_s_own_check_can_be_asked_while_both_workers_are_busy(two: Server, tmp_path: Path):
    gate = tmp_path / "gate"
    busy = [two.submit(chain("ToyGate", file=str(gate), value=n)) for n in (3, 4)]
    wait_for(lambda: len(two.running()) == 2)
    assert two.post("/prompt", {"prompt": picky("now")}).status == 400
    gate.touch()
    assert all(two.finished(prompt_id)["status"]["completed"] for prompt_id in busy)


def test_a_check_that_kills_its_worker_is_an_answer_and_the_queue_goes_on(two: Server):
    answer = two.post("/prompt", {"prompt": picky("die")})
    assert answer.status == 503
    assert "exit code 9" in answer.json["error"]["message"]
    assert two.finished(two.submit(chain(value=5)))["status"]["completed"]

"""Running prompts over HTTP: submitting, the queue, the history, interrupting."""

import json
import urllib.request
import uuid
from pathlib import Path

import pytest

from tests.web.server.serving import Server, chain, wait_for


@pytest.fixture
def busy(server: Server, gate: Path) -> str:
    """Keeps the worker busy; what the test queues meanwhile stays pending until it ends."""
    first = server.submit(chain("ToyGate", file=str(gate)))
    wait_for(lambda: server.running() == [first])
    return first


def test_a_prompt_is_run_and_lands_in_the_history(server: Server):
    prompt = chain("ToySlow", value=41)
    answer = server.post("/prompt", {"prompt": prompt})
    assert answer.status == 200
    assert answer.json["node_errors"] == {}
    prompt_id = answer.json["prompt_id"]
    assert uuid.UUID(prompt_id)
    entry = server.finished(prompt_id)
    assert entry["outputs"] == {"3": {"text": ["41"]}}
    assert entry["status"]["status_str"] == "success"
    assert entry["status"]["completed"] is True
    types = [type_ for type_, _ in entry["status"]["messages"]]
    assert types == ["execution_start", "execution_cached", "execution_success"]
    assert all(data["prompt_id"] == prompt_id for _, data in entry["status"]["messages"])
    assert entry["prompt"][0] == answer.json["number"]
    assert entry["prompt"][1] == prompt_id
    assert entry["prompt"][4] == ["3"]
    meta = {"node_id": "3", "display_node": "3", "parent_node": None, "real_node_id": "3"}
    assert entry["meta"] == {"3": meta}


def test_constants_are_converted_and_written_back(server: Server):
    prompt = chain(value="7")  # type: ignore[arg-type] - as a text widget sends it
    prompt_id = server.submit(prompt)
    stored = server.finished(prompt_id)["prompt"][2]
    assert stored["1"]["inputs"] == {"value": 7}


def test_any_content_type_is_json_for_clients_without_browser_headers(server: Server):
    body = json.dumps({"prompt": chain(value=2)}).encode()
    # urllib says application/x-www-form-urlencoded, as the oldest example scripts do.
    with urllib.request.urlopen(server.address + "/prompt", data=body) as response:
        assert response.status == 200


def test_every_route_exists_with_and_without_api(server: Server):
    for path in ("/prompt", "/queue", "/history", "/object_info", "/models", "/features"):
        assert server.get(path).status == server.get("/api" + path).status == 200


def test_numbers_count_up_and_order_the_queue(server: Server, busy: str):
    counted = [server.post("/prompt", {"prompt": chain(value=i)}).json for i in range(2)]
    assert counted[1]["number"] == counted[0]["number"] + 1
    chosen = server.post("/prompt", {"prompt": chain(), "number": -0.5}).json
    assert chosen["number"] == -0.5
    after = server.post("/prompt", {"prompt": chain()}).json
    assert after["number"] == counted[1]["number"] + 1, "a chosen number does not advance it"
    front = [server.post("/prompt", {"prompt": chain(), "front": True}).json for _ in range(2)]
    assert [f["number"] for f in front] == [-after["number"] - 1, -after["number"] - 2]
    ids = [x["prompt_id"] for x in (front[1], front[0], chosen, *counted, after)]
    assert server.pending() == ids
    assert server.get("/prompt").json == {"exec_info": {"queue_remaining": 7}}


def test_equal_numbers_run_in_the_order_of_their_ids(server: Server, busy: str):
    ids = [f"tie-{letter}-{uuid.uuid4().hex}" for letter in "cab"]
    for prompt_id in ids:
        server.submit(chain(), number=5, prompt_id=prompt_id)
    assert server.pending() == sorted(ids)


def test_pending_prompts_can_be_deleted_and_cleared(server: Server, busy: str):
    ids = [server.submit(chain()) for _ in range(4)]
    answer = server.post("/queue", {"delete": [ids[1], "unknown", busy]})
    assert (answer.status, answer.body) == (200, b"")
    assert server.pending() == [ids[0], ids[2], ids[3]]
    server.post("/queue", {"clear": True})
    assert server.pending() == []
    assert server.running() == [busy], "what runs is not touched"
    assert server.get(f"/history/{ids[0]}").json == {}


def test_a_prompt_id_is_used_once(server: Server):
    prompt_id = str(uuid.uuid4())
    server.submit(chain(value=3), prompt_id=prompt_id)
    entry = server.finished(prompt_id)
    again = server.post("/prompt", {"prompt": chain(value=4), "prompt_id": prompt_id})
    assert again.status == 409
    assert again.json["error"]["type"] == "duplicate_prompt_id"
    assert server.get(f"/history/{prompt_id}").json == {prompt_id: entry}


@pytest.mark.parametrize("prompt_id", ["a/b", "", "ä", "x" * 129, {"a": 1}, [1], 1.5])
def test_other_prompt_ids_are_refused(server: Server, prompt_id: object):
    answer = server.post("/prompt", {"prompt": chain(), "prompt_id": prompt_id})
    assert answer.status == 400
    assert answer.json["error"]["type"] == "invalid_prompt_id"


def test_partial_success_runs_the_good_output(server: Server):
    prompt = chain(value=5)
    prompt["bad"] = {"class_type": "ToyShow", "inputs": {"value": "many"}}
    answer = server.post("/prompt", {"prompt": prompt})
    assert answer.status == 200
    assert answer.json["node_errors"]["bad"]["errors"][0]["type"] == "invalid_input_type"
    entry = server.finished(answer.json["prompt_id"])
    assert entry["prompt"][4] == ["2"]
    assert list(entry["outputs"]) == ["2"]


def test_partial_execution_targets_choose_outputs(server: Server):
    prompt = {**chain(value=6), "other": {"class_type": "ToyShow", "inputs": {"value": ["1", 0]}}}
    prompt_id = server.submit(prompt, partial_execution_targets=["other", "1"])
    assert list(server.finished(prompt_id)["outputs"]) == ["other"]


def test_a_failing_node_ends_as_an_error_that_names_it(server: Server):
    prompt_id = server.submit(chain("ToyFail", value=8))
    status = server.finished(prompt_id)["status"]
    assert (status["status_str"], status["completed"]) == ("error", False)
    type_, data = status["messages"][-1]
    assert type_ == "execution_error"
    assert (data["node_id"], data["node_type"]) == ("2", "ToyFail")
    assert data["exception_type"] == "ValueError"
    assert "8 is not liked" in data["exception_message"]
    assert isinstance(data["traceback"], list)


def test_interrupt_stops_the_prompt_that_runs(server: Server, gate: Path):
    prompt_id = server.submit(chain("ToyGate", file=str(gate)))
    wait_for(lambda: Path(f"{gate}.began").exists())
    server.post("/interrupt", {"prompt_id": "another"})
    assert server.running() == [prompt_id]
    assert server.post("/interrupt").status == 200
    status = server.finished(prompt_id)["status"]
    assert status["status_str"] == "error"
    assert status["messages"][-1][0] == "execution_interrupted"
    assert server.finished(server.submit(chain(value=9)))["status"]["completed"] is True


def test_prints_of_nodes_go_to_the_log_and_break_nothing(server: Server):
    entry = server.finished(server.submit(chain("ToyPrint", value=11)))
    assert entry["outputs"] == {"3": {"text": ["11"]}}
    wait_for(lambda: "toy says hello, raw\n" in server.log)
    assert "toy says hello\n" in server.log


def test_history_is_paged_oldest_first(server: Server):
    ids = []
    for i in range(3):  # one by one: two that overlap may end in any order
        ids.append(server.submit(chain(value=20 + i)))
        server.finished(ids[-1])
    everything = list(server.get("/history").json)
    assert everything[-3:] == ids
    assert list(server.get("/history?max_items=2").json) == ids[1:]
    first = server.get("/history?max_items=2&offset=1").json
    assert list(first) == everything[1:3]
    assert list(server.get("/history?offset=-1&max_items=1").json) == ids[2:]
    assert server.get("/history?max_items=two").status == 400


def test_history_entries_can_be_deleted(server: Server):
    keep, drop = (server.submit(chain(value=30 + i)) for i in range(2))
    server.finished(keep)
    server.finished(drop)
    server.post("/history", {"delete": [drop, "unknown"]})
    assert server.get(f"/history/{drop}").json == {}
    assert list(server.get(f"/history/{keep}").json) == [keep]


def test_secrets_are_neither_stored_nor_answered(server: Server):
    extra = {
        "auth_token_comfy_org": "orange-canary",
        "api_key_comfy_org": "orange-canary",
        "kept": 1,
    }
    prompt_id = server.submit(chain(value=12), extra_data=extra)
    entry = server.finished(prompt_id)
    assert entry["prompt"][3]["kept"] == 1
    for path in (server.base / "user").rglob("*"):
        if path.is_file():
            assert b"orange-canary" not in path.read_bytes(), path
    assert b"orange-canary" not in server.get("/history").body


def test_free_is_accepted(server: Server):
    answer = server.post("/free", {"unload_models": True, "free_memory": True})
    assert (answer.status, answer.body) == (200, b"")
    assert server.finished(server.submit(chain(value=13)))["status"]["completed"] is True

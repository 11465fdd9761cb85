"""``GET /explain/{job}`` of a real server: why each node of a job ran."""

from pathlib import Path

import pytest

from tests.web.server.serving import Server, chain, wait_for


def explained(server: Server, prompt_id: str) -> dict[str, dict[str, object]]:
    server.finished(prompt_id)
    answer = server.get(f"/explain/{prompt_id}")
    assert answer.status == 200, answer.body
    found: dict[str, dict[str, object]] = answer.json["nodes"]
    return found


def document(name: str) -> dict[str, object]:
    """``extra_data`` of prompts of one document, whose nodes are compared with their own past."""
    return {"extra_data": {"extra_pnginfo": {"workflow": {"id": name}}}}


def test_the_second_run_says_which_value_changed(server: Server):
    first = server.submit(chain("ToySlow", value=101), **document("slider"))
    server.finished(first)
    nodes = explained(server, server.submit(chain("ToySlow", value=102), **document("slider")))
    assert nodes["1"]["text"] == "ran because value changed from 101 to 102"
    assert nodes["2"]["text"] == "ran because the result of 'ToyNumber' is another one"
    assert nodes["2"]["status"] == "ran"
    again = explained(server, server.submit(chain("ToySlow", value=102), **document("slider")))
    assert {node["text"] for node in again.values()} == {"taken from the cache"}
    assert {node["seconds"] for node in again.values()} == {None}
    assert {node["text"] for node in explained(server, first).values()} == {"ran: first time"}


def test_the_account_has_the_figures_of_the_ledger(server: Server):
    prompt_id = server.submit(chain("ToySlow", value=103, seconds=0.2))
    slow = explained(server, prompt_id)["2"]
    assert slow["class_type"] == slow["title"] == "ToySlow"
    assert 0.2 <= float(str(slow["seconds"])) < 100
    assert isinstance(slow["bytes"], int)
    assert server.get(f"/api/explain/{prompt_id}").json["state"] == "completed"


def test_a_failed_node_and_those_behind_it_are_told_apart(server: Server):
    prompt_id = server.submit(chain("ToyFail", "ToySlow", value=104))
    nodes = explained(server, prompt_id)
    assert nodes["2"]["text"] == "failed: 104 is not liked"
    assert nodes["3"]["text"] == nodes["4"]["text"] == "not reached: 'ToyFail' failed before it"
    assert server.get(f"/explain/{prompt_id}").json["state"] == "failed"


def test_an_equal_node_shares_the_result(server: Server):
    prompt = {
        **chain("ToySlow", value=105),
        "twin": {"class_type": "ToySlow", "inputs": {"value": ["1", 0], "steps": 3, "seconds": 0}},
        "seen": {"class_type": "ToyShow", "inputs": {"value": ["twin", 0]}},
    }
    nodes = explained(server, server.submit(prompt))
    shared = "taken from an equal node, which ran at the same time"
    assert {nodes[i]["text"] for i in ("3", "seen")} == {"ran: first time", shared}
    beside = "not needed: what it leads to was taken from an equal node"
    assert {nodes[i]["text"] for i in ("2", "twin")} == {"ran: first time", beside}


def test_jobs_that_have_not_ended_have_no_account_yet(server: Server, gate: Path):
    prompt_id = server.submit(chain("ToyGate", file=str(gate)))
    wait_for(lambda: server.running() == [prompt_id])
    answer = server.get(f"/explain/{prompt_id}")
    assert answer.status == 404
    assert answer.json["error"]["type"] == "not_finished"
    assert prompt_id in answer.json["error"]["message"]


@pytest.mark.parametrize("name", ["nobody", "%2e%2e", "x" * 4000, "%00", "'; drop table jobs"])
def test_unknown_jobs_are_answered_with_a_sentence(server: Server, name: str):
    answer = server.get("/explain/" + name.replace(" ", "%20"))
    assert answer.status == 404
    assert answer.json["error"]["message"].startswith("There is no prompt")
    assert len(answer.body) < 1000

"""The jobs API, and controlling the queue: pause, resume, move, cancel."""

import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.server.serving import Answer, Server, chain, wait_for
from tests.web.server.test_bad_input import ANYTHING, BODIES


@pytest.fixture
def busy(server: Server, gate: Path) -> str:
    """Keeps the worker busy; what the test queues meanwhile stays pending until it ends."""
    first = server.submit(chain("ToyGate", file=str(gate)))
    wait_for(lambda: server.running() == [first])
    wait_for(lambda: Path(f"{gate}.began").exists())
    return first


def jobs(server: Server, query: str = "") -> dict[str, Any]:
    answer = server.get(f"/api/jobs{query}")
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found


def said(answer: Answer, status: int) -> str:
    """The text of an error in the form that front ends expect of these routes."""
    assert answer.status == status, answer.body
    error = answer.json["error"]
    assert isinstance(error, str)
    assert error
    return error


def test_a_job_from_its_submission_to_its_end(server: Server, busy: str):
    extra = {"extra_pnginfo": {"workflow": {"id": f"flow-{busy}"}}}
    prompt = chain(value=2101)
    prompt_id = server.submit(prompt, extra_data=extra)
    page = jobs(server, "?status=pending,in_progress&sort_order=asc&limit=2")
    assert [(job["id"], job["status"]) for job in page["jobs"]] == [
        (busy, "in_progress"),
        (prompt_id, "pending"),
    ]
    assert page["pagination"] == {"offset": 0, "limit": 2, "total": 2, "has_more": False}
    assert "execution_start_time" not in page["jobs"][1]
    server.post("/interrupt", {"prompt_id": busy})
    server.finished(prompt_id)
    (job,) = jobs(server, f"?workflow_id=flow-{busy}")["jobs"]
    assert job["status"] == "completed"
    assert job["create_time"] <= job["execution_start_time"] <= job["execution_end_time"]
    assert (job["outputs_count"], job["previewable_outputs_count"]) == (1, 1)
    shown = {"content": "2101", "nodeId": "2", "mediaType": "text"}
    assert job["preview_output"] == shown
    details = server.get(f"/api/jobs/{prompt_id}").json
    assert details["outputs"] == {"2": {"text": ["2101"]}}
    assert details["execution_status"]["completed"] is True
    assert details["workflow"]["prompt"] == prompt
    assert details["workflow"]["extra_data"]["extra_pnginfo"] == extra["extra_pnginfo"]
    assert [attempt["attempt"] for attempt in details["attempts"]] == [1]
    assert server.get(f"/api/jobs/{busy}").json["status"] == "cancelled"


def test_a_failed_job_carries_the_error_event(server: Server):
    prompt_id = server.submit(chain("ToyFail", value=2102))
    server.finished(prompt_id)
    error = server.get(f"/jobs/{prompt_id}").json["execution_error"]
    assert (error["node_id"], error["node_type"]) == ("2", "ToyFail")
    assert all(isinstance(line, str) for line in error["traceback"])


def test_jobs_and_history_are_searched(server: Server):
    word = f"w{uuid.uuid4().hex}"
    prompt = chain(value=2103)
    prompt["1"]["_meta"] = {"title": f"The {word} number"}
    prompt_id = server.submit(prompt)
    server.finished(prompt_id)
    for search in (word, word[:9], f"class:ToyShow {word}", f'"the {word}"'):
        assert [job["id"] for job in jobs(server, f"?search={quote(search)}")["jobs"]] == [
            prompt_id
        ]
        assert list(server.get(f"/history?search={quote(search)}").json) == [prompt_id]
    assert jobs(server, f"?search=class:Nope%20{word}")["jobs"] == []


def test_what_is_unknown_is_not_found(server: Server):
    assert said(server.get("/api/jobs/unknown"), 404) == "Job not found"
    assert said(server.get("/api/jobs/unknown/ledger"), 404) == "Job not found"
    assert server.post("/api/jobs/unknown/cancel").json == {"cancelled": False}


def test_a_ledger_says_what_nodes_cost(server: Server):
    prompt_id = server.submit(chain(value=2104))
    server.finished(prompt_id)
    ledger = server.get(f"/api/jobs/{prompt_id}/ledger").json
    assert {node["class_type"] for node in ledger["nodes"].values()} <= {"ToyNumber", "ToyShow"}
    assert ledger["nodes"]


@pytest.mark.parametrize(
    "query",
    [
        "status=running",
        "status=pending;completed",
        "sort_by=name",
        "sort_order=up",
        "limit=0",
        "limit=-1",
        "limit=x",
        "limit=1e3",
        "offset=-1",
        "offset=%EF%BC%91",
    ],
)
def test_odd_queries_are_refused(server: Server, query: str):
    said(server.get(f"/api/jobs?{query}"), 400)


def test_pending_jobs_are_cancelled_by_id_and_stay_in_the_history(server: Server, busy: str):
    one, two, three = (server.submit(chain(value=2110 + i)) for i in range(3))
    assert server.post(f"/api/jobs/{two}/cancel").json == {"cancelled": True}
    assert server.post(f"/api/jobs/{two}/cancel").json == {"cancelled": False}
    assert server.pending() == [one, three]
    job = server.get(f"/api/jobs/{two}").json
    assert (job["status"], job["reason"]) == ("cancelled", "It was cancelled before it began.")
    assert server.get(f"/history/{two}").json[two]["status"]["completed"] is False
    cancelled = server.post("/api/jobs/cancel", {"job_ids": [one, two, "unknown", one]})
    assert cancelled.json == {"cancelled": True}
    assert server.pending() == [three]
    assert server.post("/api/jobs/cancel", {"job_ids": ["unknown"]}).json == {"cancelled": False}


def test_the_running_job_is_cancelled_by_id(server: Server, busy: str):
    assert server.post(f"/api/jobs/{busy}/cancel").json == {"cancelled": True}
    assert server.finished(busy)["status"]["messages"][-1][0] == "execution_interrupted"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"job_ids": "x"},
        {"job_ids": []},
        {"job_ids": {"a": 1}},
        {"job_ids": ["ok", "a/b"]},
        {"job_ids": ["ok", None]},
        {"job_ids": [["ok"]]},
    ],
    ids=str,
)
def test_odd_ids_are_refused_and_named(server: Server, body: dict[str, Any]):
    answer = server.post("/api/jobs/cancel", body)
    said(answer, 400)
    if isinstance(body.get("job_ids"), list) and body["job_ids"]:
        assert answer.json["invalid_ids"] == [i for i in body["job_ids"] if i != "ok"]


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_what_is_no_json_object_is_refused(server: Server, body: bytes):
    said(server.post("/api/jobs/cancel", body), 400)
    assert server.post("/queue/move", body).json["error"]["type"]
    for path in ("/queue/pause", "/queue/resume"):
        answer = server.post(path, body)
        server.post("/queue/resume")
        assert answer.status in (200, 400), answer.body


def test_a_paused_queue_starts_nothing_until_it_is_resumed(server: Server):
    assert server.post("/queue/pause").json == {"paused": True}
    try:
        prompt_id = server.submit(chain(value=2120))
        info = server.get("/prompt").json["exec_info"]
        assert info == {"queue_remaining": 1, "paused": True}
        assert server.pending() == [prompt_id]
    finally:
        assert server.post("/api/queue/resume").json == {"paused": False}
    assert server.finished(prompt_id)["status"]["completed"] is True
    assert server.get("/prompt").json == {"exec_info": {"queue_remaining": 0}}


def test_pending_prompts_can_be_moved(server: Server, busy: str):
    a, b, c = (server.submit(chain(value=2130 + i)) for i in range(3))
    moved = server.post("/queue/move", {"id": c, "before": a}).json
    assert moved["id"] == c
    assert server.pending() == [c, a, b]
    assert server.post("/queue/move", {"id": c, "after": a}).status == 200
    assert server.pending() == [a, c, b]
    assert server.post("/queue/move", {"id": b, "number": -99.5}).json["number"] == -99.5
    assert server.pending() == [b, a, c]
    for body in ({"id": busy, "before": a}, {"id": a, "before": busy}, {"id": "no", "number": 1}):
        answer = server.post("/queue/move", body)
        assert (answer.status, answer.json["error"]["type"]) == (409, "cannot_move")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"id": "a"},
        {"id": 5, "number": 1},
        {"id": "a", "number": "many"},
        {"id": "a", "number": None},
        {"id": "a", "before": 5},
        {"id": "a", "before": "b", "after": "c"},
        {"id": "a", "before": "b", "number": 1},
    ],
    ids=str,
)
def test_odd_moves_are_refused(server: Server, body: dict[str, Any]):
    assert server.post("/queue/move", body).status == 400


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    path=st.sampled_from(["/queue/move", "/jobs/cancel", "/jobs/x/cancel"]),
    body=st.dictionaries(
        st.sampled_from(["id", "before", "after", "number", "job_ids"]), ANYTHING | st.text()
    ),
)
def test_any_json_object_is_no_fault(server: Server, path: str, body: dict[str, Any]):
    assert server.post(path, body).status in (200, 400, 409)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(typed=st.text(max_size=40))
def test_any_search_is_no_fault(server: Server, typed: str):
    text = quote(typed.encode("utf-8", "surrogatepass"))
    for path in ("/history", "/jobs"):
        assert server.get(f"{path}?max_items=1&limit=1&search={text}").status == 200

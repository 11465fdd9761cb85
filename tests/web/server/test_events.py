"""The events of a job as a stream: replayed, live, and with an end."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.web.server.serving import PATIENCE, Server, chain, wait_for


def stream(server: Server, job_id: str, headers: dict[str, str] | None = None) -> Any:
    request = urllib.request.Request(
        f"{server.address}/api/jobs/{job_id}/events", headers=headers or {}
    )
    return urllib.request.urlopen(request, timeout=PATIENCE)


def told(lines: Any) -> Iterator[tuple[int, str, Any]]:
    """``(number, type, data)`` of each event until the stream ends."""
    n = 0
    for line in lines:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name == "id":
            n = int(value)
        elif name == "data":
            message = json.loads(value)
            yield n, message["type"], message["data"]


def test_a_finished_job_is_told_from_its_start_to_its_end(server: Server):
    prompt_id = server.submit(chain(value=2201))
    server.finished(prompt_id)
    with stream(server, prompt_id) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        events = list(told(response))
    types = [type_ for _, type_, _ in events]
    assert types[:2] == ["execution_start", "execution_cached"]
    assert types[-2:] == ["execution_success", "executing"]
    assert events[-1][2] == {"node": None, "prompt_id": prompt_id}
    assert all(data["prompt_id"] == prompt_id for _, _, data in events)
    numbers = [n for n, _, _ in events]
    assert numbers == sorted(set(numbers))


def test_a_client_that_was_away_gets_the_rest(server: Server):
    prompt_id = server.submit(chain(value=2202), client_id="someone")
    server.finished(prompt_id)
    with stream(server, prompt_id) as response:
        events = list(told(response))
    with stream(server, prompt_id, {"Last-Event-ID": str(events[1][0])}) as response:
        assert list(told(response)) == events[2:]
    query = server.get(f"/jobs/{prompt_id}/events?since={events[-2][0]}")
    assert list(told(query.body.splitlines(keepends=True))) == events[-1:]
    after_all = server.get(f"/jobs/{prompt_id}/events", {"Last-Event-ID": str(events[-1][0])})
    assert (after_all.status, after_all.body) == (204, b""), "so browsers ask no more"


def test_a_stream_follows_a_job_while_it_waits_and_runs(server: Server, gate: Path):
    first = server.submit(chain("ToyGate", file=str(gate)))
    prompt_id = server.submit(chain(value=2203))
    wait_for(lambda: Path(f"{gate}.began").exists())
    with stream(server, first) as running, stream(server, prompt_id) as pending:
        events = told(running)
        while next(events)[2].get("node") != "2":
            pass
        gate.touch()
        assert [type_ for _, type_, _ in events][-1] == "executing"
        assert next(type_ for _, type_, _ in told(pending)) == "execution_start"


def test_a_stream_ends_when_its_job_is_cancelled_or_dropped(server: Server, gate: Path):
    server.submit(chain("ToyGate", file=str(gate)))
    cancelled, dropped = (server.submit(chain(value=2204 + i)) for i in range(2))
    with stream(server, cancelled) as one, stream(server, dropped) as other:
        server.post(f"/jobs/{cancelled}/cancel")
        server.post("/queue", {"delete": [dropped]})
        assert [type_ for _, type_, _ in told(one)] == ["execution_interrupted", "executing"]
        assert list(told(other)) == []


def test_unknown_jobs_and_odd_numbers(server: Server):
    assert server.get("/jobs/unknown/events").status == 404
    prompt_id = server.submit(chain(value=2206))
    server.finished(prompt_id)
    for since in ("-1", "x", "9" * 30, "%00", "1.5"):
        body = server.get(f"/jobs/{prompt_id}/events?since={since}").body
        assert next(told(body.splitlines(keepends=True)))[1] == "execution_start"
    head = server.ask("HEAD", f"/jobs/{prompt_id}/events", None)
    assert (head.status, head.body) == (200, b"")


def test_a_server_that_stops_does_not_wait_for_streams(tmp_path: Path):
    server = Server(tmp_path)
    server.post("/queue/pause")
    prompt_id = server.submit(chain(value=1))
    with stream(server, prompt_id):
        assert server.stop() == 0

"""``GET /metrics``: the text format, and figures that follow what happens."""

import os
import re
import signal
from pathlib import Path

import pytest

from tests.web.server.serving import Server, alive, chain, children, wait_for
from web.server.exposition import Family, single, written

_SAMPLE = re.compile(r'([a-z_]+)(?:\{([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"\})? ([0-9.e+-]+)')


def test_labels_and_help_are_escaped():
    family = Family("patchbay_x", "gauge", "Two\nlines", [({"name": 'a"b\\c\nd'}, 1)])
    assert written([family]) == (
        "# HELP patchbay_x Two\\nlines\n"
        "# TYPE patchbay_x gauge\n"
        'patchbay_x{name="a\\"b\\\\c\\nd"} 1\n'
    )


def test_a_family_without_samples_says_what_it_is():
    assert written([Family("patchbay_x", "counter", "X.", [])]).count("\n") == 2
    assert written([single("patchbay_y", "gauge", "Y.", 0.5)]).endswith("patchbay_y 0.5\n")


def samples(server: Server) -> dict[tuple[str, str], float]:
    answer = server.get("/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found: dict[tuple[str, str], float] = {}
    for line in answer.body.decode().splitlines():
        if not line.startswith("#"):
            sample = _SAMPLE.fullmatch(line)
            assert sample, line
            found[sample[1], sample[3] or ""] = float(sample[4])
    return found


def test_every_sample_is_of_a_family_that_is_described(server: Server):
    text = server.get("/api/metrics").body.decode()
    described = re.findall(r"^# TYPE (\S+) (?:counter|gauge)$", text, re.MULTILINE)
    assert len(described) == len(set(described))
    assert {name for name, _ in samples(server)} <= set(described)
    assert all(name.startswith("patchbay_") for name in described)
    assert text.endswith("\n")


def test_runs_seconds_and_cache_are_counted(server: Server):
    prompt = chain("ToySlow", value=301, seconds=0.2)
    before = samples(server)
    server.finished(server.submit(prompt))
    server.finished(server.submit(prompt))
    after = samples(server)

    def grown(name: str, label: str = "") -> float:
        return after[name, label] - before.get((name, label), 0)

    assert grown("patchbay_node_runs_total", "ToySlow") == 1
    assert grown("patchbay_node_seconds_total", "ToySlow") >= 0.2
    assert grown("patchbay_cache_misses_total") == 3
    assert grown("patchbay_cache_hits_total") == 1, "the output alone was looked for"
    assert grown("patchbay_jobs_ended_total", "completed") == 2


def test_the_queue_is_counted_by_state(server: Server, gate: Path):
    first = server.submit(chain("ToyGate", file=str(gate)))
    wait_for(lambda: server.running() == [first])
    server.submit(chain(value=302))
    found = samples(server)
    assert found["patchbay_jobs", "running"] == 1
    assert found["patchbay_jobs", "pending"] == 1
    assert found["patchbay_queue_length", ""] == 2


def test_memory_and_clients_are_reported(server: Server):
    found = samples(server)
    assert found["patchbay_process_resident_memory_bytes", "server"] > 2**20
    workers = [label for name, label in found if name == "patchbay_worker_up"]
    assert workers
    assert all(found["patchbay_worker_up", name] == 1 for name in workers)
    assert all(found["patchbay_process_resident_memory_bytes", name] > 2**20 for name in workers)
    assert ("patchbay_websocket_clients", "") in found


def test_a_worker_that_is_replaced_is_counted(tmp_path: Path):
    server = Server(tmp_path)
    try:
        server.finished(server.submit(chain(value=303)))
        (pid,) = children(server.process.pid)
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not alive(pid))
        server.finished(server.submit(chain(value=304)))
        restarts = [v for (name, _), v in samples(server).items() if "restarts" in name]
        assert restarts == [1]
    finally:
        assert server.stop() == 0


def test_metrics_are_guarded_like_everything_else(tmp_path: Path):
    server = Server(tmp_path, "--token", "t" * 32)
    try:
        for path in ("/metrics", "/explain/x"):
            assert server.get(path).status == 401
            assert server.get(path, {"Authorization": "Bearer " + "t" * 32}).status in (200, 404)
            assert server.get(path, {"Host": "evil.example"}).status == 403
    finally:
        assert server.stop() == 0


@pytest.mark.parametrize("path", ["/metrics", "/explain/x"])
def test_they_are_read_only(server: Server, path: str):
    assert server.post(path, {}).status in (404, 405)

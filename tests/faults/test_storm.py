"""Worker, server or both are killed at random moments with prompts queued: nothing is lost.

The moments are drawn from a seed. Each is the end of some prompt of the thirty, and a little more.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from tests.web.server.serving import Server, alive, children, wait_for

PROMPTS = 30
VICTIMS = ("worker", "server", "both")
_PACK = Path(__file__).with_name("pack.py")


class Storm:
    """A server over one folder, killed and started again and again."""

    def __init__(self, base: Path, seed: int) -> None:
        self.base = base
        self.random = random.Random(seed)
        self.names: dict[str, str] = {}
        (base / "custom_nodes").mkdir(parents=True)
        shutil.copy2(_PACK, base / "custom_nodes" / "faults.py")
        self.server = Server(base)

    def strike(self, victim: str) -> None:
        """Queue prompts, kill, and see that all of them come to their end."""
        ids = [self.submit() for _ in range(PROMPTS)]
        (worker,) = wait_for(lambda: children(self.server.process.pid))
        last = ids[self.random.randrange(PROMPTS)]
        if self.random.random() < 0.8:  # otherwise before anything has begun
            wait_for((self.base / "output" / f"{self.names[last]}.txt").exists)
            time.sleep(self.random.random() * 0.02)
        if victim != "worker":
            self.server.kill()
        if victim != "server":
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        wait_for(lambda: not alive(worker))
        if victim != "worker":
            self.check_database()
            self.server = Server(self.base)
        for prompt_id in ids:
            entry = self.server.finished(prompt_id)
            assert entry["status"]["completed"] is True, entry["status"]
            shown = {"filename": f"{self.names[prompt_id]}.txt", "subfolder": "", "type": "output"}
            assert entry["outputs"] == {"1": {"images": [shown]}}

    def submit(self) -> str:
        name = f"drawing-{len(self.names)}"
        prompt = {"1": {"class_type": "FaultDraw", "inputs": {"name": name}}}
        prompt_id = self.server.submit(prompt, client_id="storm")
        self.names[prompt_id] = name
        return prompt_id

    def end(self) -> None:
        """Stop cleanly; then what lies on the disk is what was asked for, once."""
        assert self.server.stop() == 0
        self.check_database()
        with sqlite3.connect(self.base / "user" / "patchbay.sqlite") as connection:
            rows = connection.execute(
                "select id, messages from jobs join results on job = seq"
            ).fetchall()
            ends = connection.execute(
                "select job, count(*) from events where type = 'executing' "
                "and json_extract(data, '$.node') is null group by job having count(*) > 1"
            ).fetchall()
        assert sorted(row[0] for row in rows) == sorted(self.names), "each prompt once"
        for _, messages in rows:
            types = [type_ for type_, _ in json.loads(messages)]
            assert types.count("execution_start") == types.count("execution_success") == 1
        assert ends == [], "the end of a prompt is told once"
        for name in self.names.values():
            written = (self.base / "output" / f"{name}.txt").read_bytes()
            assert written == name.encode() * 20_000

    def check_database(self) -> None:
        with sqlite3.connect(self.base / "user" / "patchbay.sqlite") as connection:
            assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]


def test_six_moments(tmp_path: Path):
    storm = Storm(tmp_path / "base", seed=6)
    for victim in VICTIMS * 2:
        storm.strike(victim)
    storm.end()


@pytest.mark.slow
def test_fifty_moments(tmp_path: Path):
    storm = Storm(tmp_path / "base", seed=50)
    for moment in range(50):
        storm.strike(VICTIMS[moment % len(VICTIMS)])
    storm.end()

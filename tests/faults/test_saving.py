"""Pictures are saved once, although the worker that saved them is killed before it could say so."""

import contextlib
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.web.server.serving import Server, alive, children, wait_for

COUNT = 6


@pytest.fixture
def base(tmp_path: Path) -> Path:
    packs = tmp_path / "base" / "custom_nodes"
    packs.mkdir(parents=True)
    shutil.copy2(Path(__file__).with_name("pack.py"), packs / "faults.py")
    return tmp_path / "base"


def saving(seed: int, prefix: str, gate: Path | None = None) -> dict[str, Any]:
    """Saves pictures; with a gate it is not over before that is opened."""
    pictures = {"class_type": "FaultPictures", "inputs": {"count": COUNT, "seed": seed}}
    save = {
        "class_type": "SaveImage",
        "inputs": {"images": ["1", 0], "filename_prefix": prefix},
    }
    prompt: dict[str, Any] = {"1": pictures, "2": save}
    if gate is None:
        return prompt
    return {
        **prompt,
        "3": {"class_type": "ToyNumber", "inputs": {"value": seed}},
        "4": {"class_type": "ToyGate", "inputs": {"value": ["3", 0], "file": str(gate)}},
        "5": {"class_type": "ToyShow", "inputs": {"value": ["4", 0]}},
    }


def written(base: Path) -> list[str]:
    return sorted(p.relative_to(base / "output").as_posix() for p in base.rglob("output/**/*.png"))


def told(entry: Any) -> list[str]:
    assert entry["status"]["completed"] is True, entry["status"]
    return [f"{i['subfolder']}/{i['filename']}".strip("/") for i in entry["outputs"]["2"]["images"]]


def test_what_was_saved_before_the_worker_died_is_not_saved_again(base: Path, tmp_path: Path):
    server = Server(base, "--cache-disk", "0")
    gate = tmp_path / "gate"
    # The name would be another one at another time.
    prompt_id = server.submit(saving(1, "%minute%/%second%", gate))
    wait_for(lambda: len(written(base)) == COUNT)
    before = written(base)
    (worker,) = wait_for(lambda: children(server.process.pid))
    wait_for(Path(f"{gate}.began").exists)
    os.kill(worker, signal.SIGKILL)
    gate.touch()
    assert told(server.finished(prompt_id)) == written(base) == before
    assert server.stop() == 0


def test_killed_in_the_middle_of_saving(base: Path):
    server = Server(base, "--cache-disk", "0")
    staged = base / "output" / ".saving"

    def count() -> int:
        return len(list(staged.glob("*"))) if staged.exists() else 0

    names: list[str] = []
    for turn in range(4):
        (worker,) = wait_for(lambda: children(server.process.pid))
        before = count()
        prompt_id = server.submit(saving(turn, f"at {turn % 2}"))
        wait_for(lambda before=before, turn=turn: count() > before + 2 * turn)
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
        wait_for(lambda worker=worker: not alive(worker))
        names += told(server.finished(prompt_id))
        assert sorted(names) == written(base)
    assert len(set(names)) == 4 * COUNT
    assert server.stop() == 0

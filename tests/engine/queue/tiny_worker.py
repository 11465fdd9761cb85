"""A worker process with an engine of a few lines, for tests of the queue: it starts at once.

Jobs do what the ``do`` input of their first node says.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from engine.execution.job import DEVICE_FREE, Cancel, Event, Job, Outcome
from engine.graph.catalogue import Catalogue
from engine.graph.spec import NodeSpec
from engine.queue import worker


class TinyEngine:
    catalogue = Catalogue([NodeSpec("Do", "Do", "test", is_output=True)])

    def __init__(self) -> None:
        self.loaded: list[str] = []
        if "--broken" in sys.argv:
            raise ImportError("no module named 'torch'")
        if "--print" in sys.argv:
            print("noise at the start")
            os.write(1, b"raw noise\n")

    def device_facts(self) -> Mapping[str, Any]:
        device = sys.argv[-1] if "--device" in sys.argv else "tiny"
        visible = ["one", "two", "three"] if device == "auto" else [device]
        return {
            "pytorch_version": "none",
            "devices": [{"name": device}],
            "visible": visible,
            "warm": [f"/models/{name}" for name in self.loaded],
        }

    def run(self, job: Job, emit: Callable[[Event], None], cancel: Cancel) -> Outcome:
        node_id, node = next(iter(job.graph.nodes.items()))
        what, _, argument = str(node.inputs["do"]).partition(" ")
        emit(Event("execution_start", {"prompt_id": job.prompt_id}))
        emit(Event("executing", {"node": node_id, "prompt_id": job.prompt_id}))
        _end_badly(what, Path(argument))
        if what == "save":  # has the device no longer, and waits until the file exists
            emit(Event(DEVICE_FREE, {}))
            _wait(lambda: Path(argument).exists() or cancel.is_set())
        if what == "wait":
            Path(argument).touch()
            _wait(cancel.is_set)
        if what == "gate":
            with Path(f"{argument}.began").open("a") as began:
                began.write(f"{job.prompt_id}\n")
            _wait(lambda: Path(argument).exists() or cancel.is_set())
        if what == "picture":
            emit(Event("preview", {"node_id": node_id}, b"picture"))
        if what == "draw":
            _draw(Path(argument), job.prompt_id)
        if "model" in node.inputs:
            self.loaded = [str(node.inputs["model"])]
        status = "interrupted" if cancel.is_set() else "success"
        messages = [[f"execution_{status}", {"prompt_id": job.prompt_id}]]
        emit(Event(messages[0][0], {"prompt_id": job.prompt_id}))
        if what == "die-after" and not Path(argument).exists():
            Path(argument).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        shown: dict[str, list[Any]] = {"text": [what]}
        if what == "gate":
            shown["pid"] = [os.getpid()]
        return Outcome(status, {node_id: shown}, {}, messages)

    def answer(self, what: str, payload: Mapping[str, Any]) -> Any:
        if what == "die":
            os._exit(3)
        if what == "never":
            time.sleep(600)
        if what == "fault":
            raise ValueError("nothing is known of that")
        return {"what": what, **payload}

    def free(self, *, unload_models: bool, free_memory: bool) -> None:
        self.loaded = []
        print(f"free {unload_models} {free_memory}", flush=True)


def _end_badly(what: str, file: Path) -> None:
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "exit":
        os._exit(7)
    if what == "die-once" and not file.exists():
        file.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "break":
        raise RuntimeError("the engine is broken")
    if what == "stop-once" and not file.exists():
        file.touch()
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(600)  # the signal may take a moment to reach all threads
    if what == "hang":
        file.touch()
        time.sleep(600)
    if what == "spin":
        file.touch()
        while True:
            pass
    if what == "compute":
        file.touch()
        end = time.monotonic() + 5
        while time.monotonic() < end:
            sum(range(10_000))


def _draw(folder: Path, name: str) -> None:
    """An output as nodes write it: whole under another name, then there."""
    part = folder / f".{name}.{os.getpid()}"
    part.write_bytes(name.encode() * 10_000)
    part.replace(folder / name)


def _wait(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.005)


if __name__ == "__main__":
    sys.exit(worker.main(TinyEngine))

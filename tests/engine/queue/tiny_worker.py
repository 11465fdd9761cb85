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

from engine.execution.job import Cancel, Event, Job, Outcome
from engine.graph.catalogue import Catalogue
from engine.graph.spec import NodeSpec
from engine.queue import worker


class TinyEngine:
    catalogue = Catalogue([NodeSpec("Do", "Do", "test", is_output=True)])

    def __init__(self) -> None:
        if "--broken" in sys.argv:
            raise ImportError("no module named 'torch'")
        if "--print" in sys.argv:
            print("noise at the start")
            os.write(1, b"raw noise\n")

    def device_facts(self) -> Mapping[str, Any]:
        return {"pytorch_version": "none", "devices": [{"name": "tiny"}]}

    def run(self, job: Job, emit: Callable[[Event], None], cancel: Cancel) -> Outcome:
        node_id, node = next(iter(job.graph.nodes.items()))
        what, _, argument = str(node.inputs["do"]).partition(" ")
        emit(Event("execution_start", {"prompt_id": job.prompt_id}))
        emit(Event("executing", {"node": node_id, "prompt_id": job.prompt_id}))
        if what == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "die-once" and not Path(argument).exists():
            Path(argument).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "break":
            raise RuntimeError("the engine is broken")
        if what == "hang":
            Path(argument).touch()
            time.sleep(600)
        while what == "wait" and not cancel.is_set():
            Path(argument).touch()
            time.sleep(0.01)
        if what == "picture":
            emit(Event("preview", {"node_id": node_id}, b"picture"))
        status = "interrupted" if cancel.is_set() else "success"
        messages = [[f"execution_{status}", {"prompt_id": job.prompt_id}]]
        emit(Event(messages[0][0], {"prompt_id": job.prompt_id}))
        return Outcome(status, {node_id: {"text": [what]}}, {}, messages)

    def free(self, *, unload_models: bool, free_memory: bool) -> None:
        print(f"free {unload_models} {free_memory}", flush=True)


if __name__ == "__main__":
    sys.exit(worker.main(TinyEngine))

"""A pack of toy nodes: written into the custom_nodes folder of the servers that tests start."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from engine.graph.native import node
from engine.graph.run import Preview, Run

_JPEG = b"\xff\xd8\xff\xe0 a picture"


@node("ToyNumber", category="toy")
def number(*, value: int = 1) -> int:
    """A constant."""
    return value


@node("ToySlow", category="toy", lane="device")
def slow(*, value: int, steps: int = 3, seconds: float = 0.0, run: Run) -> int:
    """Passes a number on, in steps."""
    for index in range(steps):
        time.sleep(seconds / steps)
        run.progress(index + 1, steps, Preview(_JPEG) if run.wants_preview else None)
    return value


@node("ToyDeaf", category="toy", lane="device")
def deaf(*, value: int, seconds: float = 60.0) -> int:
    """Works without ever looking whether it was cancelled."""
    time.sleep(seconds)
    return value


@node("ToyGate", category="toy", lane="device")
def gate(*, value: int, file: str, run: Run) -> int:
    """Writes a line into ``<file>.began`` and waits until ``file`` exists."""
    with Path(f"{file}.began").open("a") as began:
        began.write(f"{os.getpid()}\n")
    while not Path(file).exists():
        run.check()
        time.sleep(0.01)
    return value


@node("ToyFail", category="toy")
def fail(*, value: int) -> int:
    """Raises."""
    raise ValueError(f"{value} is not liked")


@node("ToyKill", category="toy", lane="device")
def kill(*, value: int) -> int:
    """Kills the process it runs in."""
    os.kill(os.getpid(), signal.SIGKILL)
    return value


@node("ToyPrint", category="toy")
def chatter(*, value: int) -> int:
    """Prints to the process's standard output, in every way there is."""
    print("toy says hello")
    os.write(1, b"toy says hello, raw\n")
    return value


@node("ToyShow", category="toy", output=True)
def show(*, value: int, run: Run) -> None:
    """Shows a number."""
    run.show("text", [str(value)])


class ToyListing:
    """A class of a pack that offers the files of a folder beside it."""

    CATEGORY = "toy"
    RETURN_TYPES = ("STRING",)
    FUNCTION = "read"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 - the contract's name
        folder = Path(__file__).parent.parent / "listing"
        folder.mkdir(exist_ok=True)
        return {"required": {"name": (sorted(path.name for path in folder.iterdir()),)}}

    def read(self, name: str) -> dict[str, Any]:
        return {"ui": {"text": [name]}, "result": (name,)}


NODE_CLASS_MAPPINGS = {"ToyListing": ToyListing}

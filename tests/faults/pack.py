"""A pack for servers that will be killed: it writes a file as an output, in some steps."""

import asyncio
import resource
import time
from pathlib import Path

import torch

from engine.files.atomic import write_atomic
from engine.graph.native import node
from engine.graph.run import Run
from nodes.types import IMAGE


@node("FaultDraw", category="faults", output=True)
def draw(*, name: str, run: Run) -> None:
    """Works for a moment, then writes ``name`` into the output folder."""
    for step in range(5):
        time.sleep(0.002)
        run.progress(step + 1, 5)
    write_atomic(run.folders.output / f"{name}.txt", name.encode() * 20_000)
    run.show("images", [{"filename": f"{name}.txt", "subfolder": "", "type": "output"}])


@node("FaultPictures", category="faults")
def pictures(*, count: int, seed: int) -> IMAGE:
    """Some pictures, of which no two are alike."""
    return torch.rand(count, 64, 64, 3, generator=torch.Generator().manual_seed(seed))


@node("FaultHang", category="faults", output=True, lane="device")
def hang(*, file: str) -> None:
    """Makes ``file``, then never ends and hears nothing."""
    Path(file).touch()
    while True:
        time.sleep(1)


@node("FaultLeak", category="faults", output=True)
def leak(*, name: str) -> None:
    """Takes memory until there is no more: here a gigabyte beyond what the process has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**30, hard))
    try:
        kept = [name]
        while True:
            kept.append(kept[-1] * 2)
    finally:
        kept.clear()
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@node("FaultCount", category="faults", output=True)
def count(*, values: int) -> tuple[int, int]:
    """Gives ``values`` values, and says that it gives two."""
    return (1,) * values  # type: ignore[return-value]


@node("FaultEnd", category="faults", output=True)
def end(*, how: str) -> None:
    """Raises what ends a program."""
    raise {"exit": SystemExit(3), "interrupt": KeyboardInterrupt(), "other": _Other("gone")}[how]


@node("FaultEndLater", category="faults", output=True)
async def end_later(*, how: str) -> None:
    """The same on the event loop."""
    await asyncio.sleep(0)
    if how == "cancel":
        raise asyncio.CancelledError
    end(how=how)


class _Other(BaseException):
    """Nobody expects it."""


class _Silent:
    def __str__(self) -> str:
        raise ValueError("no text")


@node("FaultShow", category="faults", output=True)
def show(*, run: Run) -> None:
    """Shows what is no JSON."""
    ring: list[object] = [1]
    ring.append(ring)
    shown = [float("nan"), b"bytes", {"set": {1}, ("a", 1): 2}, _Silent(), ring, "\ud800"]
    run.show("odd", shown)


@node("FaultChatter", category="faults", output=True)
def chatter(*, run: Run, steps: int) -> None:
    """Tells each of very many steps."""
    for step in range(steps):
        run.progress(step + 1, steps)

"""A pack for servers that will be killed: it writes a file as an output, in some steps."""

import resource
import time
from pathlib import Path

from engine.files.atomic import write_atomic
from engine.graph.native import node
from engine.graph.run import Run


@node("FaultDraw", category="faults", output=True)
def draw(*, name: str, run: Run) -> None:
    """Works for a moment, then writes ``name`` into the output folder."""
    for step in range(5):
        time.sleep(0.002)
        run.progress(step + 1, 5)
    write_atomic(run.folders.output / f"{name}.txt", name.encode() * 20_000)
    run.show("images", [{"filename": f"{name}.txt", "subfolder": "", "type": "output"}])


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

"""A process that is killed while it writes: what it acknowledged is there, and nothing is half."""

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from engine.queue.store import Store
from tests.engine.queue.stores import DIED, claims_of_all
from tests.support import REPOSITORY

WRITER = """
import asyncio, sys
from pathlib import Path
from engine.queue.store import Store
from tests.engine.queue.stores import DONE, job

async def submit(store, name):
    for i in range(10_000):
        await store.accept(job(f"{name}-{i}"), 1)
        print("accepted", f"{name}-{i}", flush=True)

async def work(store):
    while True:
        claim = await store.claim("w")
        if claim is None:
            await asyncio.sleep(0.001)
            continue
        store.record(claim, "executing", "{}")
        if await store.finish(claim, DONE):
            print("finished", claim.id, flush=True)

async def main():
    store = Store(Path(sys.argv[1]))
    await asyncio.gather(*(submit(store, n) for n in "abc"), work(store))

asyncio.run(main())
"""


def killed_after(path: Path, lines: int) -> list[list[str]]:
    """What a writing process has acknowledged by the time it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(lines)]
    process.send_signal(signal.SIGKILL)
    said += process.stdout.read().splitlines(keepends=True)
    process.wait(60)
    # A last line without its end was not said.
    return [line.split() for line in said if line.endswith("\n")]


@pytest.mark.parametrize("lines", [1, 40, 150])
def test_kill_9_loses_nothing_that_was_acknowledged(path: Path, lines: int):
    said = killed_after(path, lines)
    accepted = {job_id for what, job_id in said if what == "accepted"}
    done = {job_id for what, job_id in said if what == "finished"}
    connection = sqlite3.connect(path)
    assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
    assert connection.execute("pragma foreign_key_check").fetchall() == []
    connection.execute("insert into searchable (searchable) values ('integrity-check')")
    connection.close()

    async def look() -> None:
        store = Store(path)
        history = set(json.loads(await store.history()))
        for claim in await store.interrupted_by_restart():
            assert await store.crash(claim, "the server ended", DIED) is None
        waiting = await claims_of_all(store)
        assert done <= history
        assert accepted <= history | set(waiting)
        assert not history & set(waiting)
        assert len(waiting) == len(set(waiting))
        store.close()

    asyncio.run(look())

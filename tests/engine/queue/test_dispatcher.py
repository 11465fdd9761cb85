"""The dispatcher with a real store and a real worker process, on a tiny engine."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from engine.queue.body import Body
from engine.queue.catalogue_file import CatalogueFile, fingerprint
from engine.queue.job import Submission
from engine.queue.pool import WorkerTrouble
from engine.queue.store import Store
from tests.engine.queue.house import opened, until


async def test_jobs_run_in_order_and_clients_hear_of_them(tmp_path: Path):
    async with opened(tmp_path) as house:
        await house.submit("a", "picture")
        await house.submit("b", "nothing", client_id=None)
        await house.entry("b")
        assert (await house.entry("a"))["outputs"] == {"1": {"text": ["picture"]}}
        await until(lambda: len(house.ear.events) == 8)
        mine = [event for event in house.ear.events if event[0] == "me"]
        types = [type_ for _, type_, _, _ in mine]
        assert types == ["execution_start", "executing", "execution_success", "executing"]
        numbers = [n for _, _, _, n in mine]
        assert numbers[0] > 0
        assert numbers == sorted(set(numbers)), "they grow"
        assert mine[3][2] == {"node": None, "prompt_id": "a"}
        assert house.ear.previews == [b"picture"]
        assert house.ear.lengths[-1] == 0
        others = [type_ for client, type_, _, _ in house.ear.events if client is None]
        assert others == ["execution_start", "executing", "execution_success", "executing"]


async def test_the_history_is_readable_when_the_last_message_comes(tmp_path: Path):
    async with opened(tmp_path) as house:
        await house.submit("a", "nothing")
        await until(lambda: house.ear.types()[-1:] == ["executing"] and house.ear.types()[-2:-1])
        await until(lambda: house.ear.events[-1][2].get("node", "") is None)
        assert json.loads(await house.store.history_entry("a"))["a"]["status"]["completed"]


async def test_a_killed_worker_is_replaced_and_its_job_runs_again(tmp_path: Path):
    async with opened(tmp_path) as house:
        await house.submit("a", f"die-once {tmp_path / 'died'}")
        assert (await house.entry("a"))["status"]["completed"] is True
        assert len(await house.attempts("a")) == 2
        await until(lambda: house.ear.of("a")[-1:] == ["end"])
        assert house.ear.types().count("execution_success") == 1


async def test_an_idle_worker_that_is_killed_is_replaced(tmp_path: Path):
    async with opened(tmp_path, retry_delays=(0.01,)) as house:
        await house.dispatcher.ready()
        (first,) = house.dispatcher.worker_pids
        os.kill(first, signal.SIGKILL)
        await until(lambda: house.dispatcher.worker_pids not in ([], [first]))
        await house.submit("a", "nothing")
        assert (await house.entry("a"))["status"]["completed"] is True


async def test_a_job_that_kills_three_workers_fails_and_the_queue_goes_on(tmp_path: Path):
    async with opened(tmp_path) as house:
        await house.submit("poison", "die")
        await house.submit("next", "nothing")
        entry = await house.entry("poison")
        type_, data = entry["status"]["messages"][-1]
        assert type_ == "execution_error"
        assert "SIGKILL" in data["exception_message"]
        assert "attempt 3 of 3" in data["exception_message"]
        assert (data["node_id"], data["node_type"]) == ("1", "Do")
        assert (await house.entry("next"))["status"]["completed"] is True
        assert len(await house.attempts("poison")) == 3
        assert ("me", "execution_error", data) in [e[:3] for e in house.ear.events]


async def test_interrupt_ends_the_running_job_only(tmp_path: Path):
    async with opened(tmp_path) as house:
        assert await house.dispatcher.interrupt() is False
        await house.submit("a", f"wait {tmp_path / 'began'}")
        await until((tmp_path / "began").exists)
        assert await house.dispatcher.interrupt("b") is False
        assert await house.dispatcher.interrupt("a") is True
        assert (await house.entry("a"))["status"]["messages"][-1][0] == "execution_interrupted"


async def test_a_job_that_does_not_hear_the_interrupt_loses_its_worker(tmp_path: Path):
    async with opened(tmp_path, cancel_grace=0.2) as house:
        await house.submit("deaf", f"hang {tmp_path / 'began'}")
        await house.submit("next", "nothing")
        await until((tmp_path / "began").exists)
        assert await house.dispatcher.interrupt() is True
        entry = await house.entry("deaf")
        assert entry["status"]["messages"][-1][0] == "execution_interrupted"
        assert (await house.entry("next"))["status"]["completed"] is True
        assert house.ear.types().count("execution_interrupted") == 1


async def test_stopping_gives_the_running_job_back_unharmed(tmp_path: Path):
    async with opened(tmp_path) as house:
        await house.submit("a", f"hang {tmp_path / 'began'}")
        await until((tmp_path / "began").exists)
        (pid,) = house.dispatcher.worker_pids
    assert not Path(f"/proc/{pid}").exists()
    store = Store(tmp_path / "queue.sqlite")
    assert store.remaining == 1
    assert await store.interrupted_by_restart() == []
    claim = await store.claim()
    assert claim is not None
    assert claim.id == "a"
    store.close()


async def test_a_job_left_running_by_a_dead_server_runs_again(tmp_path: Path):
    store = Store(tmp_path / "queue.sqlite")
    prompt = {"1": {"class_type": "Do", "inputs": {"do": "nothing"}}}
    await store.accept(Submission("a", Body.of(prompt), ("1",), {}, None), 1)
    await store.claim()
    store.close()
    async with opened(tmp_path) as house:
        assert (await house.entry("a"))["status"]["completed"] is True


async def test_a_worker_that_cannot_start_is_reported_and_not_started_in_a_storm(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    async with opened(tmp_path, "--broken", retry_delays=(0.05, 3600)) as house:
        with pytest.raises(WorkerTrouble, match="no module named 'torch'"):
            await house.dispatcher.catalogue()
        said = "The worker process cannot start: ImportError: no module named 'torch'."
        await until(lambda: caplog.text.count(said) == 2)
        assert house.dispatcher.trouble == said
        await asyncio.sleep(0.5)
        assert caplog.text.count(said) == 2, "the third start comes much later"


async def test_the_catalogue_is_there_before_the_worker_on_a_second_start(tmp_path: Path):
    async with opened(tmp_path) as house:
        await house.dispatcher.ready()
        await until(house.file.path.exists)
    async with opened(tmp_path, "--broken", retry_delays=(3600,)) as house:
        assert list(await house.dispatcher.catalogue()) == ["Do"]


async def test_a_catalogue_of_other_sources_is_not_used(tmp_path: Path):
    source = tmp_path / "pack" / "node.py"
    source.parent.mkdir()
    source.write_text("a = 1")
    before = fingerprint([tmp_path / "pack"])
    assert fingerprint([tmp_path / "pack"]) == before
    source.write_text("a = 2")
    assert fingerprint([tmp_path / "pack"]) != before
    source.write_text("a = 1")
    (source.parent / ".#lock.py").symlink_to("nowhere")
    assert fingerprint([tmp_path / "pack", tmp_path / "absent"]) != before, "and no error"
    (source.parent / ".#lock.py").unlink()
    assert fingerprint([tmp_path / "pack"]) == before
    file = CatalogueFile(tmp_path / "kept.json", before)
    async with opened(tmp_path) as house:
        file.write(await house.dispatcher.catalogue())
    assert file.read() is not None
    assert CatalogueFile(file.path, "another").read() is None
    file.path.write_text("{")
    assert file.read() is None


async def test_success_is_told_of_the_attempt_that_is_on_record_only(tmp_path: Path):
    async with opened(tmp_path) as house:
        await house.submit("a", f"die-after {tmp_path / 'died'}")
        assert (await house.entry("a"))["status"]["completed"] is True
        await until(lambda: house.ear.of("a")[-1:] == ["end"])
        assert len(await house.attempts("a")) == 2
        assert house.ear.of("a").count("execution_success") == 1

"""Several workers, and several jobs in one."""

import asyncio
import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.queue.pool import WorkerTrouble
from engine.queue.questions import QuestionFailed
from tests.engine.queue.house import House, opened, until

TWO = ("one", "two")
MODELS = ("m.safetensors", "n.safetensors")


async def test_each_device_has_a_worker_and_they_run_at_the_same_time(tmp_path: Path):
    async with opened(tmp_path, devices=TWO) as house:
        await house.submit("a", f"gate {tmp_path / 'gate'}")
        await house.submit("b", f"gate {tmp_path / 'gate'}")
        await until(lambda: len(house.ear.started()) == 2)
        assert len(set(house.dispatcher.worker_pids)) == 2
        names = {device["name"] for device in house.dispatcher.device["devices"]}
        assert names == set(TWO)
        (tmp_path / "gate").touch()
        assert await house.completed("a", "b")


async def test_the_first_worker_says_which_devices_there_are(tmp_path: Path):
    async with opened(tmp_path, devices=()) as house:
        await house.all_up(3)
        assert len(house.dispatcher.worker_pids) == 3


async def test_the_death_of_one_worker_is_no_matter_to_the_other(tmp_path: Path):
    async with opened(tmp_path, devices=TWO) as house:
        await house.all_up(2)
        await house.submit("poison", "exit")
        await house.submit("well", f"gate {tmp_path / 'gate'}")
        entry = await house.entry("poison")
        assert "exit code 7" in entry["status"]["messages"][-1][1]["exception_message"]
        (tmp_path / "gate").touch()
        assert await house.completed("well")
        assert house.ear.of("well").count("execution_start") == 1


async def test_a_job_goes_to_the_worker_that_has_its_model(tmp_path: Path):
    async with opened(tmp_path, devices=TWO) as house:
        await house.all_up(2)
        places: dict[str, set[int]] = {model: set() for model in MODELS}
        await run_both(house, tmp_path / "load", MODELS, places)
        await until(lambda: all(station.warm for station in house.dispatcher._stations))
        for round_, models in enumerate((MODELS, MODELS[::-1], MODELS)):
            await run_both(house, tmp_path / f"round {round_}", models, places)
        assert all(len(workers) == 1 for workers in places.values()), places
        assert places[MODELS[0]] != places[MODELS[1]]


async def run_both(
    house: House, gate: Path, models: Sequence[str], places: dict[str, set[int]]
) -> None:
    """Jobs for both models that wait when two workers get free; notes who ran them."""
    before = len(house.ear.started())
    for model in models:
        await house.submit(f"busy {gate} {model}", f"gate {gate}")
    await until(lambda: len(house.ear.started()) == before + 2)
    for model in models:
        await house.submit(f"{gate} {model}", f"gate {gate}.second", model=model)
    gate.touch()
    await until(lambda: len(house.ear.started()) == before + 4)
    Path(f"{gate}.second").touch()
    for model in models:
        entry = await house.entry(f"{gate} {model}")
        places[model].add(entry["outputs"]["1"]["pid"][0])


async def test_the_next_job_starts_when_the_device_is_free(tmp_path: Path):
    async with opened(tmp_path) as house:
        await house.submit("a", f"save {tmp_path / 'saved'}")
        await house.submit("b", "nothing")
        assert await house.completed("b"), "while a still saves"
        assert house.ear.of("a") == ["execution_start", "executing"]
        assert [json.loads(one)[1] for one in (await house.store.queue()).running] == ["a"]
        (tmp_path / "saved").touch()
        assert await house.completed("a")
        assert house.ear.started() == ["a", "b"]
        whole = ["execution_start", "executing", "execution_success", "end"]
        await until(lambda: house.ear.of("a") == whole)
        assert house.ear.of("b") == whole
        assert "_device_free" not in house.ear.types()


async def test_no_more_than_two_jobs_are_in_a_worker(tmp_path: Path):
    async with opened(tmp_path) as house:
        for job in "abc":
            await house.submit(job, f"save {tmp_path / job}")
        await until(lambda: len(house.ear.started()) == 2)
        (tmp_path / "b").touch()
        await until(lambda: house.ear.started() == ["a", "b", "c"])
        (tmp_path / "a").touch()
        (tmp_path / "c").touch()
        assert await house.completed("a", "b", "c")


async def test_an_interrupt_ends_what_has_the_device_and_not_what_is_being_saved(tmp_path: Path):
    async with opened(tmp_path) as house:
        await house.submit("saving", f"save {tmp_path / 'saved'}")
        await house.submit("drawing", f"wait {tmp_path / 'began'}")
        await until((tmp_path / "began").exists)
        assert await house.dispatcher.interrupt() is True
        assert not (await house.entry("drawing"))["status"]["completed"]
        (tmp_path / "saved").touch()
        assert await house.completed("saving")


async def test_each_of_two_jobs_can_be_cancelled_by_its_id(tmp_path: Path):
    async with opened(tmp_path) as house:
        await house.submit("saving", f"save {tmp_path / 'saved'}")
        await house.submit("drawing", f"gate {tmp_path / 'gate'}")
        await until(lambda: len(house.ear.started()) == 2)
        assert await house.dispatcher.interrupt("saving") is True
        assert not (await house.entry("saving"))["status"]["completed"]
        (tmp_path / "gate").touch()
        assert await house.completed("drawing")


async def test_what_is_tried_again_runs_alone(tmp_path: Path):
    """So the neighbour of a prompt that kills its worker loses one attempt, and not all three."""
    async with opened(tmp_path) as house:
        await house.submit("innocent", f"save {tmp_path / 'saved'}")
        await house.submit("poison", "exit")
        await until(lambda: house.ear.started().count("innocent") == 2)
        (tmp_path / "saved").touch()
        assert await house.completed("innocent")
        assert not (await house.entry("poison"))["status"]["completed"]
        begun = [(at, i) for i in ("innocent", "poison") for at in await house.attempts(i)]
        order = [job_id for _, job_id in sorted(begun)]
        assert order == ["innocent", "poison", "innocent", "poison", "poison"]


async def test_a_question_is_answered_beside_a_running_job(tmp_path: Path):
    async with opened(tmp_path) as house:
        await house.submit("a", f"gate {tmp_path / 'gate'}")
        await until(lambda: house.ear.started() == ["a"])
        assert await house.dispatcher.ask("check", {"n": 1}) == {"what": "check", "n": 1}
        with pytest.raises(QuestionFailed, match="nothing is known of that"):
            await house.dispatcher.ask("fault", {})
        with pytest.raises(WorkerTrouble, match=r"did not answer within 0\.1 seconds"):
            await house.dispatcher.ask("never", {}, timeout=0.1)
        assert await house.dispatcher.ask("plan", {}) == {"what": "plan"}
        (tmp_path / "gate").touch()
        assert await house.completed("a")


async def test_the_death_of_a_worker_is_the_end_of_its_questions(tmp_path: Path):
    async with opened(tmp_path) as house:
        never = asyncio.create_task(house.dispatcher.ask("never", {}))
        await house.dispatcher.ask("plan", {})
        with pytest.raises(QuestionFailed, match="exit code 3"):
            await house.dispatcher.ask("die", {})
        with pytest.raises(QuestionFailed):
            await never
        assert await house.dispatcher.ask("plan", {}) == {"what": "plan"}, "of the next worker"


async def test_without_a_worker_no_question_is_answered(tmp_path: Path):
    async with opened(tmp_path, "--broken", retry_delays=(3600,)) as house:
        with pytest.raises(WorkerTrouble, match="no module named 'torch'"):
            await house.dispatcher.ask("check", {})


async def test_a_stopped_worker_is_replaced_and_its_job_tried_again(tmp_path: Path):
    async with opened(tmp_path, lease=4.0) as house:
        await house.submit("a", f"stop-once {tmp_path / 'stopped'}")
        assert await house.completed("a")
        assert len(await house.attempts("a")) == 2


async def test_an_idle_worker_that_is_stopped_is_replaced(tmp_path: Path):
    async with opened(tmp_path, lease=4.0, retry_delays=(0.01,)) as house:
        await house.all_up(1)
        (first,) = house.dispatcher.worker_pids
        os.kill(first, signal.SIGSTOP)
        await until(lambda: house.dispatcher.worker_pids not in ([], [first]))
        await house.submit("a", "nothing")
        assert await house.completed("a")


async def test_a_node_that_only_computes_is_not_taken_for_lost(tmp_path: Path):
    async with opened(tmp_path, lease=4.0) as house:
        await house.submit("a", f"compute {tmp_path / 'began'}")
        assert await house.completed("a")
        assert house.ear.started() == ["a"]


async def test_an_endless_loop_ends_with_its_worker_when_it_is_cancelled(tmp_path: Path):
    async with opened(tmp_path, cancel_grace=0.2) as house:
        await house.submit("loop", f"spin {tmp_path / 'began'}")
        await house.submit("next", "nothing")
        await until((tmp_path / "began").exists)
        assert await house.dispatcher.interrupt("loop") is True
        entry = await house.entry("loop")
        assert entry["status"]["messages"][-1][0] == "execution_interrupted"
        assert await house.completed("next")


async def test_memory_is_given_back_after_what_runs(tmp_path: Path, capfd: Any):
    async with opened(tmp_path) as house:
        await house.submit("a", f"gate {tmp_path / 'gate'}")
        await until(lambda: house.ear.started() == ["a"])
        await house.dispatcher.free(unload_models=True, free_memory=False)
        await house.dispatcher.ask("plan", {})
        assert "free" not in capfd.readouterr().err
        (tmp_path / "gate").touch()
        await until(lambda: "free True False" in capfd.readouterr().err)


async def test_a_running_job_that_nobody_attends_to_is_tried_again(tmp_path: Path):
    async with opened(tmp_path, lease=0.3) as house:
        await house.all_up(1)
        await house.store.pause(paused=True)
        await house.submit("a", "nothing")
        await house.store.pause(paused=False)
        forgotten = await house.store.claim("nobody", lease_ms=1)
        assert forgotten is not None
        assert await house.completed("a")
        assert len(await house.attempts("a")) == 2

"""Which of the waiting jobs a worker takes."""

from engine.queue.job import Candidate
from engine.queue.routing import PATIENCE_MS, cost, loads_missing

SDXL, TURBO, LORA = "sdxl/base.safetensors", "turbo.ckpt", "style.safetensors"


def job(*files: str, waited_ms: int = 0) -> Candidate:
    return Candidate(1, "a", None, files, waited_ms)


def test_names_in_prompts_are_ends_of_paths():
    assert loads_missing([SDXL], ["/models/checkpoints/sdxl/base.safetensors"]) == 0
    assert loads_missing([SDXL], ["/models/checkpoints/mysdxl/base.safetensors"]) == 1
    assert loads_missing([TURBO], ["turbo.ckpt"]) == 0
    assert loads_missing([LORA], ["/models/loras/other-style.safetensors"]) == 1


def test_each_file_that_must_be_loaded_costs_once():
    assert loads_missing([SDXL, LORA, LORA], []) == 2
    assert loads_missing([SDXL, LORA], [f"/m/{LORA}"]) == 1
    assert loads_missing([], []) == 0


def test_the_warm_job_is_the_cheapest():
    mine = [f"/m/{SDXL}"]
    assert cost(job(SDXL), mine, [[]]) < cost(job(SDXL, LORA), mine, [[]])
    assert cost(job(SDXL, LORA), mine, [[]]) < cost(job(TURBO, LORA), mine, [[]])


def test_a_job_that_is_warm_elsewhere_is_left_to_the_other_worker():
    assert cost(job(TURBO), [], [[f"/m/{TURBO}"]]) > cost(job(SDXL), [], [[f"/m/{TURBO}"]])


def test_a_job_that_waited_long_takes_any_worker():
    assert cost(job(SDXL, waited_ms=PATIENCE_MS + 1), [], [[f"/m/{SDXL}"]]) == 0

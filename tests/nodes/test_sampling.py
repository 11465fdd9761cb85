"""The KSampler node: it can be cancelled wherever it is, and goes on from where it was cut off."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.files.folders import Folders
from engine.graph.run import Cancelled
from engine.lora.patcher import LoraPatcher
from engine.weights.choices import Choices
from engine.weights.handles import Model, WeightsFile
from engine.weights.residency import Residency
from nodes.sampling import k_sampler
from tests.engine.weights.tiny import UNET, tiny_checkpoint
from tests.nodes.run import LocalRun


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> WeightsFile:
    return tiny_checkpoint(tmp_path_factory.mktemp("weights") / "tiny.safetensors", UNET)


def new_run(folder: Path, run_class: type[LocalRun] = LocalRun, **options: Any) -> LocalRun:
    residency = Residency(Choices(), LoraPatcher())
    return run_class(Folders(folder), {Residency: residency}, **options)


def sample(run: LocalRun, file: WeightsFile, **options: Any) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    prompts = {
        name: [[torch.randn(1, 77, 64, generator=generator), {}]]
        for name in ("positive", "negative")
    }
    inputs = {
        "seed": 5,
        "steps": 4,
        "cfg": 6.0,
        "sampler_name": "euler_ancestral",
        "scheduler": "karras",
        "latent_image": {"samples": torch.zeros(1, 4, 4, 4)},
        **prompts,
        **options,
    }
    with torch.inference_mode():
        samples: Tensor = k_sampler(run=run, model=Model(file), **inputs)["samples"]
    return samples


def test_an_attempt_goes_on_from_what_an_earlier_one_kept(
    tmp_path: Path, file: WeightsFile
) -> None:
    first = new_run(tmp_path)
    whole = sample(first, file)
    assert len(first.kept) == 3
    for done, state in enumerate(first.kept, start=1):
        second = new_run(tmp_path, state=state)
        assert torch.equal(sample(second, file), whole)
        assert second.steps == [(step, 4) for step in range(done + 1, 5)]
        assert second.shown == {}


def test_a_state_that_cannot_be_used_is_said_on_the_node(tmp_path: Path, file: WeightsFile) -> None:
    whole = sample(new_run(tmp_path), file)
    run = new_run(tmp_path, state=b"something else")
    assert torch.equal(sample(run, file), whole)
    (warning,) = run.shown["warnings"]
    assert warning.endswith("it starts anew.")


class Stopped(LocalRun):
    """A run that is cancelled from the start."""

    def check(self) -> None:
        raise Cancelled


def test_a_cancelled_node_does_not_load_its_model(tmp_path: Path, file: WeightsFile) -> None:
    run = new_run(tmp_path, Stopped)
    with pytest.raises(Cancelled):
        sample(run, file)
    assert run.service(Residency).counters.networks_loaded == 0
    assert run.kept == []

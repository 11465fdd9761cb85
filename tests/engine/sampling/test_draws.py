"""Random numbers for whatever throws dice inside a model: they follow the run's start noise."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.sampling.facts import RunFacts
from engine.sampling.model import DiffusionModel
from engine.sampling.noise import start_noise
from engine.sampling.pipeline import Start, run_sampler
from engine.sampling.samplers.registry import sampler
from engine.sampling.samplers.tools import Denoise
from tests.engine.sampling.toy import toy_model
from tests.support import vectors


def cases() -> list[dict[str, Any]]:
    found = json.loads(vectors("sampling", "noise.json").read_text())["cases"]
    return [case for case in found if case.get("global_rng_next4") and len(case["shape"]) == 4]


@dataclass
class Asks:
    """A guider that predicts zeros and keeps what it was told of the run."""

    model: DiffusionModel = field(default_factory=lambda: toy_model("sd1"))
    facts: list[RunFacts] = field(default_factory=list)

    def denoiser(self, model: DiffusionModel, facts: RunFacts) -> Denoise:
        self.facts.append(facts)
        return lambda x, sigma: (torch.zeros_like(x), torch.zeros_like(x))


def next_draws(name: str, case: dict[str, Any]) -> Tensor:
    like = torch.zeros(case["shape"], dtype=getattr(torch, case["dtype"]))
    noise = start_noise(like, case["seed"], case["batch_index"])
    start = Start(torch.zeros_like(noise), noise, case["seed"], draws=case["batch_index"])
    asks = Asks()
    run_sampler(asks.model, asks, sampler(name), torch.tensor([5.0, 0.0]), start)
    return torch.randn(4, generator=asks.facts[0].draws)


@pytest.mark.vectors
@pytest.mark.parametrize("case", cases(), ids=lambda case: case["id"])
def test_they_are_the_reference_s(case: dict[str, Any]) -> None:
    assert next_draws("euler", case).tolist() == case["global_rng_next4"]


@pytest.mark.vectors
def test_enough_cases_are_compared() -> None:
    assert len(cases()) >= 9


def test_after_ddim_s_second_noise_they_are_those_of_the_next_seed() -> None:
    case = {"shape": [1, 4, 4, 4], "dtype": "float32", "batch_index": None}
    for seed, next_seed in ((7, 8), (2**64 - 1, 0)):
        after = next_draws("ddim", {**case, "seed": seed})
        assert torch.equal(after, next_draws("euler", {**case, "seed": next_seed}))

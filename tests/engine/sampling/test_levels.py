"""Noise levels and predictions of every kind of model we have, against the reference's numbers."""

import json
import pickle
from typing import Any

import pytest
import torch

from engine.sampling.levels import Discrete
from engine.sampling.model_sampling import ModelSampling
from tests.engine.sampling.golden import golden_tensors
from tests.engine.sampling.toy import MODEL_KINDS
from tests.support import vectors

RTOL = 3e-6


def models() -> list[Any]:
    every = json.loads(vectors("sampling", "model_sampling.json").read_text())["models"]
    found = [
        pytest.param(MODEL_KINDS[kind], want, kind, id=kind)
        for kind, want in every.items()
        if kind in MODEL_KINDS
    ]
    assert len(found) == len(every) >= 17
    return found


def near(got: Any, want: Any) -> None:
    wanted = torch.as_tensor(want, dtype=torch.float64)
    torch.testing.assert_close(torch.as_tensor(got).double(), wanted, rtol=RTOL, atol=1e-6)


@pytest.mark.vectors
@pytest.mark.parametrize(("sampling", "want", "kind"), models())
class TestAgainstTheReference:
    def test_table(self, sampling: ModelSampling, want: dict[str, Any], kind: str) -> None:
        table = sampling.levels.table
        assert len(table) == want["n"]
        for index, sigma in want["table_samples"].items():
            assert float(table[int(index)]) == pytest.approx(sigma, rel=RTOL)
        assert sampling.sigma_min == pytest.approx(want["sigma_min"], rel=RTOL)
        assert sampling.sigma_max == pytest.approx(want["sigma_max"], rel=RTOL)

    def test_the_whole_table(
        self, sampling: ModelSampling, want: dict[str, Any], kind: str
    ) -> None:
        whole = golden_tensors("sampling", "tables.safetensors")[f"sigmas/{kind}"]
        torch.testing.assert_close(sampling.levels.table, whole, rtol=RTOL, atol=0)

    def test_maps(self, sampling: ModelSampling, want: dict[str, Any], kind: str) -> None:
        levels = sampling.levels
        for percent, sigma in want["percent_to_sigma"]:
            assert levels.percent_to_sigma(percent) == pytest.approx(sigma, rel=RTOL)
        for sigma, timestep in want["sigma_to_timestep"]:
            near(levels.timestep(torch.tensor([sigma]))[0], timestep)
        for timestep, sigma in want["timestep_to_sigma"]:
            if abs(sigma) < 1e6:  # tan next to its pole has no digits to compare
                near(levels.sigma(torch.tensor([timestep]))[0], sigma)

    def test_scalings(self, sampling: ModelSampling, want: dict[str, Any], kind: str) -> None:
        for unit in want["unit"]:
            shape = (1, -1, 1, 1)
            sigma = torch.tensor(unit["sigma"])
            x, latent, output = (
                torch.tensor(unit[key]).view(shape) for key in ("x", "latent", "model_output")
            )
            near(sampling.network_input(x, sigma[None]).flatten(), unit["calculate_input"])
            found = sampling.denoised(x, output, sigma[None])
            near(found.flatten(), unit["calculate_denoised"])
            for key, full in (("noise_scaling", False), ("noise_scaling_max", True)):
                scaled = sampling.noise_scaling(sigma, x, latent, full=full)
                near(scaled.flatten(), unit[key])
            if sigma < 1 or not sampling.flow:
                left = sampling.inverse_noise_scaling(sigma, x)
                near(left.flatten(), unit["inverse_noise_scaling"])


def test_off_table_sigmas_reach_the_network_as_the_nearest_training_step() -> None:
    levels = Discrete()
    between = (levels.table[500] * levels.table[501]).sqrt()
    assert float(levels.timestep(between * 0.9999)) == 500
    assert float(levels.timestep(between * 1.0001)) == 501


def test_a_model_sampling_is_a_value() -> None:
    one, other = ModelSampling(Discrete(0.001)), ModelSampling(Discrete(0.001))
    assert one == other
    assert hash(one) == hash(other)
    assert pickle.loads(pickle.dumps(one)) == one
    assert one != ModelSampling(Discrete(0.002))

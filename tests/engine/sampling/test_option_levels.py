"""Options that give a model other noise levels, against the reference's ModelSampling nodes."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch

from engine.sampling.ksample import ksample
from engine.sampling.levels import Discrete
from engine.sampling.model import DiffusionModel, ModelOption
from engine.sampling.model_sampling import ModelSampling
from engine.sampling.options.levels import (
    CascadeSampling,
    ContinuousVSampling,
    DiscreteSampling,
    EdmSampling,
    FlowSampling,
    FluxSampling,
    NoiseHabit,
    flux_mu,
)
from engine.sampling.policy import NoiseProfile
from engine.sampling.schedulers import scheduler_sigmas
from tests.engine.sampling.toy import NEGATIVE, POSITIVE, network_calls_of, toy_model
from tests.support import vectors

# What the nodes do with their inputs.
OPTIONS: dict[str, Callable[[dict[str, Any]], ModelOption]] = {
    "ModelSamplingDiscrete": lambda i: DiscreteSampling(i["sampling"], i["zsnr"]),
    "ModelSamplingContinuousEDM": lambda i: EdmSampling(
        i["sampling"], i["sigma_min"], i["sigma_max"]
    ),
    "ModelSamplingContinuousV": lambda i: ContinuousVSampling(i["sigma_min"], i["sigma_max"]),
    "ModelSamplingSD3": lambda i: FlowSampling(i["shift"], 1000.0),
    "ModelSamplingAuraFlow": lambda i: FlowSampling(i["shift"], 1.0),
    "ModelSamplingFlux": lambda i: FluxSampling(flux_mu(**i)),
    "ModelSamplingStableCascade": lambda i: CascadeSampling(i["shift"]),
}


def table() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(vectors("sampling", "model_sampling.json").read_text())
    return found


def cases() -> list[Any]:
    found = table()["nodes"]
    assert len(found) >= 21
    return [pytest.param(case, id=f"{case['node']}-{n}") for n, case in enumerate(found)]


def near(got: Any, want: Any) -> None:
    wanted = torch.as_tensor(want, dtype=torch.float64)
    rtol = table()["rtol"]
    torch.testing.assert_close(torch.as_tensor(got).double(), wanted, rtol=rtol, atol=1e-6)


def pixels(values: list[float]) -> torch.Tensor:
    return torch.tensor(values).view(1, -1, 1, 1)


def _scheduled(sampling: ModelSampling, key: str, want: Any) -> None:
    near(scheduler_sigmas(sampling.levels, key[:-1], int(key[-1])), want)


def _maps(sampling: ModelSampling, key: str, want: Any) -> None:
    levels = sampling.levels
    there = levels.timestep if key == "sigma_to_timestep" else levels.sigma
    for given, found in want:
        near(there(torch.tensor([float(given)]))[0], found)


def _unit(sampling: ModelSampling, key: str, want: Any) -> None:
    sigma, x = torch.tensor([want["sigma"]]), pixels(want["x"])
    if key == "calculate_input":
        found = sampling.network_input(x, sigma)
    else:
        found = sampling.denoised(x, pixels(want["model_output"]), sigma)
    near(found.flatten(), want["out"])


# What the reference says of a node's result, by the keys of the vectors.
CHECKS: dict[str, Callable[[ModelSampling, str, Any], None]] = {
    "shift": lambda s, _, want: near(s.levels.mu, want),  # type: ignore[attr-defined]
    "multiplier": lambda s, _, want: near(s.levels.multiplier, want),  # type: ignore[attr-defined]
    "n": lambda s, _, want: near(len(s.levels.table), want),
    "sigma_min": lambda s, _, want: near(s.sigma_min, want),
    "sigma_max": lambda s, _, want: near(s.sigma_max, want),
    "sigma_data": lambda s, _, want: near(s.sigma_data, want),
    "sigma_at_half": lambda s, _, want: near(s.levels.sigma(torch.tensor(0.5)), want),
    "timestep_of_half": lambda s, _, want: near(s.levels.timestep(torch.tensor(0.5)), want),
    "sigma_of": lambda s, _, want: near(_at_tenths(s), want),
    "simple4": _scheduled,
    "normal4": _scheduled,
    "sgm_uniform4": _scheduled,
    "sigma_to_timestep": _maps,
    "timestep_to_sigma": _maps,
    "calculate_input": _unit,
    "calculate_denoised": _unit,
}


def _at_tenths(sampling: ModelSampling) -> torch.Tensor:
    multiplier: float = sampling.levels.multiplier  # type: ignore[attr-defined]
    return sampling.levels.sigma(torch.tensor([0.1, 0.5, 0.9]) * multiplier)


@pytest.mark.vectors
@pytest.mark.parametrize("case", cases())
def test_an_option_gives_the_reference_s_levels(case: dict[str, Any]) -> None:
    option = OPTIONS[case["node"]](case["inputs"])
    sampling = toy_model("sd1", direct=False).with_option(option).sampling
    said = {key: want for key, want in case.items() if key not in ("node", "inputs")}
    assert said.keys() <= CHECKS.keys()
    for key, want in said.items():
        CHECKS[key](sampling, key, want)


@pytest.mark.vectors
def test_every_node_of_the_reference_has_an_option() -> None:
    assert {case["node"] for case in table()["nodes"]} <= set(OPTIONS)


def test_an_option_reaches_the_network_too() -> None:
    """A network that is told other times says something else."""
    latent = {"samples": torch.zeros(1, 4, 6, 6)}
    options: Any = {
        "seed": 3,
        "steps": 3,
        "cfg": 5.0,
        "sampler_name": "euler",
        "scheduler": "simple",
        "positive": POSITIVE,
        "negative": NEGATIVE,
    }
    plain = toy_model("sd1", direct=False)
    told: list[list[float]] = []
    for model in (plain, plain.with_option(DiscreteSampling("lcm"))):
        before = len(network_calls_of(model))
        ksample(model, latent, **options)
        told.append([at for at, _, _ in network_calls_of(model)[before:]])
    assert told[0] != told[1]
    assert all(at % 20 == 19 for at in told[1])


def test_a_family_s_own_table_stays_under_another_prediction() -> None:
    own = DiffusionModel(
        toy_model("sd1").predict, ModelSampling(Discrete(0.001, 0.02)), toy_model("sd1").format, 2
    )
    for prediction in ("v_prediction", "lcm"):
        found = own.with_option(DiscreteSampling(prediction, zero_terminal_snr=True))
        again = found.with_option(DiscreteSampling("eps"))
        assert again.sampling == own.sampling


def test_playground_brings_its_own_latents() -> None:
    model = toy_model("sd1")
    found = model.with_option(EdmSampling("edm_playground_v2.5", 0.002, 80.0))
    assert found.format.name == "SDXL_Playground_2_5"
    assert model.with_option(EdmSampling("edm", 0.002, 80.0)).format == model.format


def test_a_noise_habit_changes_nothing_else() -> None:
    model = toy_model("sd1")
    found = model.with_option(NoiseHabit(NoiseProfile.A1111))
    assert found.profile is NoiseProfile.A1111
    assert (found.predict, found.sampling) == (model.predict, model.sampling)


def test_options_are_values() -> None:
    """They lie on MODEL links, whose keys and caches compare them."""
    one, other = FlowSampling(3.0, 1000.0), FlowSampling(3.0, 1000.0)
    assert one == other
    assert hash(one) == hash(other)
    assert one != FlowSampling(3.0, 1.0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: EdmSampling("eps", 0.0, 80.0),
        lambda: EdmSampling("edm", 5.0, 5.0),
        lambda: ContinuousVSampling(10.0, 1.0),
    ],
)
def test_levels_that_do_not_rise_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="sigma_min has to be above 0 and sigma_max above it"):
        make()


def test_shifts_that_leave_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="The shift is 0 and has to be above 0"):
        FlowSampling(0.0, 1000.0)
    with pytest.raises(ValueError, match="at which no picture is left"):
        FluxSampling(flux_mu(100.0, 0.5, 16384, 16384))

"""The Sampler nodes through SamplerCustom, against the reference: options of every kind."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from engine.sampling.samplers.registry import SAMPLERS, Sampler, sampler
from nodes import samplers as shelf
from tests.engine.sampling.golden import golden_tensors
from tests.engine.sampling.toy import NEGATIVE, POSITIVE, calls_of
from tests.engine.sampling.workflow import REGISTRY, Workflows
from tests.support import vectors


@pytest.fixture(scope="module")
def workflows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workflows]:
    found = Workflows(tmp_path_factory.mktemp("workflows"))
    yield found
    found.close()


def cases() -> list[Any]:
    found = json.loads(vectors("sampling", "options.json").read_text())["cases"]
    assert len(found) >= 48
    return [pytest.param(case, id=case["id"]) for case in found]


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def workflow(case: dict[str, Any]) -> dict[str, Any]:
    """The case as a workflow, with what its sampler leaves and its last prediction as outputs."""
    options = dict(case["options"])
    if REGISTRY[case["node"]].spec.input("model") is not None:
        options["model"] = ["model", 0]
    prompts = {
        name: node("ToyCond", tokens=value[0][0][0].tolist())
        for name, value in (("positive", POSITIVE), ("negative", NEGATIVE))
    }
    zeros = json.loads(case["latent"].removeprefix("zeros:"))
    prompt = {
        **prompts,
        "model": node("ToyModel", kind=case["model"]),
        "latent": node("ToyLatent", zeros=zeros),
        "sigmas": node("ToySigmas", values=case["sigmas"]),
        "sampler": node(case["node"], **options),
        "sample": node(
            "SamplerCustom",
            model=["model", 0],
            add_noise=True,
            noise_seed=case["seed"],
            cfg=case["cfg"],
            positive=["positive", 0],
            negative=["negative", 0],
            sampler=["sampler", 0],
            sigmas=["sigmas", 0],
            latent_image=["latent", 0],
        ),
    }
    outputs = {name: {"node": "sample", "slot": slot} for slot, name in enumerate(("out", "x0"))}
    return {"id": case["id"], "prompt": prompt, "outputs": outputs}


@pytest.mark.vectors
@pytest.mark.parametrize("case", cases())
def test_a_sampler_node_gives_the_reference_s_latents(
    workflows: Workflows, case: dict[str, Any]
) -> None:
    tensors = golden_tensors("sampling", "options.safetensors")
    ran = workflows.run(workflow(case))
    for name, key in (("out", "out"), ("x0", "x0_last")):
        got, want = ran.outputs[name]["samples"], tensors[case[key]]
        assert got.shape == want.shape
        assert (got - want).abs().max() <= case["atol"]
    asked = [sigma for sigma, _, _ in calls_of(*ran.models)]
    # A sampler that chooses its steps chooses them by its latents, which are near and not equal.
    chooses = REGISTRY[case["node"]].spec.input("rtol") is not None
    nearly = case["atol"] if chooses else 0.0
    assert asked == pytest.approx(case["sigmas_called"], rel=2e-6, abs=nearly)


@pytest.mark.vectors
def test_every_sampler_node_of_the_reference_is_compared() -> None:
    compared = {param.values[0]["node"] for param in cases()}
    assert compared == {
        found.spec.class_type
        for function in vars(shelf).values()
        if (found := getattr(function, "__patchbay_node__", None)) is not None
    } - {"KSamplerSelect"}


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_by_its_name_is_the_one_of_the_menu(name: str) -> None:
    found: Sampler = shelf.k_sampler_select(sampler_name=name)
    assert found == sampler(name)


def test_options_tell_samplers_apart_as_values_and_by_name() -> None:
    """States of interrupted runs are found again by the name."""
    plain, other = shelf.sampler_lms(order=4), shelf.sampler_lms(order=2)
    assert plain == sampler("lms")
    assert other != plain
    assert other.name != plain.name
    assert hash(other) == hash(shelf.sampler_lms(order=2))


def test_numbers_that_lead_nowhere_are_refused_on_the_node() -> None:
    with pytest.raises(ValueError, match="r is 0"):
        shelf.sampler_dpmpp_sde(r=0.0, noise_device="cpu")
    with pytest.raises(ValueError, match="no step is small enough"):
        shelf.sampler_dpm_adaptive(h_init=0.0)
    with pytest.raises(ValueError, match="no step is small enough"):
        shelf.sampler_dpm_adaptive(rtol=0.0, atol=0.0)


@pytest.mark.parametrize("name", SAMPLERS)
def test_sigmas_that_two_samplers_share_stay_what_they_are(workflows: Workflows, name: str) -> None:
    """Spec section 14, fixed: uni_pc of the reference writes its last sigma into the list."""
    sigmas = torch.tensor([10.0, 4.0, 1.5, 0.6, 0.2, 0.0])
    base = workflow(
        {
            "id": name,
            "node": "SamplerLMS",
            "options": {"order": 4},
            "model": "sd1",
            "latent": "zeros:[1, 4, 4, 4]",
            "sigmas": sigmas.tolist(),
            "seed": 7,
            "cfg": 3.0,
        }
    )
    prompt = base["prompt"]
    prompt["sampler"] = node("KSamplerSelect", sampler_name=name)
    prompt["after"] = node(
        "SamplerCustom",
        **{**prompt["sample"]["inputs"], "noise_seed": 8, "latent_image": ["sample", 0]},
    )
    outputs = {
        "first": {"node": "sample", "slot": 0},
        "second": {"node": "after", "slot": 0},
        "sigmas": {"node": "sigmas", "slot": 0},
    }
    ran = workflows.run({"id": name, "prompt": prompt, "outputs": outputs})
    assert torch.equal(ran.outputs["sigmas"], sigmas)
    # The second sampler saw the same list: alone it asks the model for the same noise levels.
    asked = [sigma for sigma, _, _ in calls_of(*ran.models)]
    assert name == "dpm_adaptive" or asked[: len(asked) // 2] == asked[len(asked) // 2 :]

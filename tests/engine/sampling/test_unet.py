"""Real UNets, loaded from files in the original layout, sampled as the reference samples them.

What changes the inside of a network is in `test_unet_options.py`; single calls of the networks are
in `tests/engine/weights/test_calls.py`.
"""

import json
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.sampling.adm import family_adm
from engine.sampling.ksample import ksample
from engine.weights.trained import Family, Trained
from tests.engine.sampling.golden import golden_tensors
from tests.engine.sampling.networks import tiny_unet
from tests.engine.sampling.toy import toy_latent
from tests.support import vectors

pytestmark = pytest.mark.vectors

# What the vectors call the families that take a vector beside the text.
FAMILIES: dict[str, Family] = {"SDXL": "sdxl", "SDXLRefiner": "sdxl_refiner"}
# The reference's size of a picture where it is asked for the vector alone.
SIZE = 768


def manifest() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(vectors("sampling", "unet.json").read_text())
    return found


def plain_cases() -> list[Any]:
    found = [case for case in manifest()["sampling"] if not case.get("patch")]
    assert {case["model"] for case in found} == set(manifest()["models"])
    return found


def golden() -> dict[str, Tensor]:
    return golden_tensors("sampling", "unet.safetensors")


@pytest.mark.parametrize("case", plain_cases(), ids=lambda case: str(case["id"]))
def test_sampling_gives_the_reference_s_latent(case: dict[str, Any]) -> None:
    tensors, model = golden(), case["model"]
    config = manifest()["models"][model]["ldm_config"]
    heads = {"heads": config["num_heads"], "head_width": config["num_head_channels"]}
    unet = tiny_unet(
        vectors("sampling", f"tiny_unet_{model}.safetensors"),
        **{name: value for name, value in heads.items() if value > 0},
    )
    positive, negative = (
        [[context, {"pooled_output": pooled}]]
        for context, pooled in zip(
            torch.split(tensors["sampling/context_pos_neg"], 1),
            torch.split(tensors["sampling/pooled_pos_neg"], 1),
            strict=True,
        )
    )
    out = ksample(
        unet,
        {"samples": toy_latent(case["latent"])},
        seed=case["seed"],
        steps=case["steps"],
        cfg=case["cfg"],
        sampler_name=case["sampler"],
        scheduler=case["scheduler"],
        positive=positive,
        negative=negative,
    )
    assert (out["samples"] - tensors[case["out"]]).abs().max() <= case["atol"]


@pytest.mark.parametrize("case", manifest()["adm"], ids=lambda case: str(case["out"]))
def test_the_vector_beside_the_text_is_the_reference_s(case: dict[str, Any]) -> None:
    want = golden()[case["out"]]
    adm = family_adm(Trained(family=FAMILIES[case["model"]], vector=want.shape[-1]))
    assert adm is not None
    options = {**case["inputs"], "pooled_output": torch.tensor([case["pooled"]])}
    kind = options.pop("prompt_type", "positive")
    assert torch.equal(adm(options, width=SIZE, height=SIZE, prompt_type=kind), want)


@pytest.mark.parametrize("pooled", [None, torch.zeros(1, 9)])
def test_a_prompt_of_another_family_has_no_such_vector(pooled: Tensor | None) -> None:
    adm = family_adm(Trained(family="sdxl", vector=8 + 6 * 256))
    assert adm is not None
    with pytest.raises(ValueError, match=r"The negative conditioning has to bring .* 8 numbers"):
        adm({"pooled_output": pooled}, width=64, height=64, prompt_type="negative")


def test_families_without_a_vector_make_none() -> None:
    assert family_adm(Trained()) is None

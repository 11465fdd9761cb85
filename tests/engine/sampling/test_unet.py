"""A real UNet, loaded from an LDM file, sampled as the reference samples it."""

import json
from typing import Any

import pytest
import torch

from engine.sampling.ksample import ksample
from tests.engine.sampling.golden import golden_tensors
from tests.engine.sampling.networks import tiny_unet
from tests.engine.sampling.toy import toy_latent
from tests.support import vectors

pytestmark = pytest.mark.vectors


def manifest() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(vectors("sampling", "unet.json").read_text())
    return found


def cases(kind: str) -> list[Any]:
    """SD1 cases without a patch of the network."""
    found = [case for case in manifest()[kind] if case["model"] == "sd1" and not case.get("patch")]
    assert found
    return found


@pytest.fixture(scope="module")
def unet() -> Any:
    heads = manifest()["models"]["sd1"]["ldm_config"]["num_heads"]
    return tiny_unet(vectors("sampling", "tiny_unet_sd1.safetensors"), heads)


@pytest.mark.parametrize("case", cases("unit"), ids=lambda case: str(case["hw"]))
def test_the_network_gives_the_reference_s_output(unet: Any, case: dict[str, Any]) -> None:
    tensors = golden_tensors("sampling", "unet.safetensors")
    out = unet(tensors[case["x"]], torch.tensor(case["timesteps"]), tensors[case["context"]])
    assert (out - tensors[case["out"]]).abs().max() <= case["atol"]


@pytest.mark.parametrize("case", cases("sampling"), ids=lambda case: str(case["id"]))
def test_sampling_gives_the_reference_s_latent(unet: Any, case: dict[str, Any]) -> None:
    tensors = golden_tensors("sampling", "unet.safetensors")
    positive, negative = torch.split(tensors["sampling/context_pos_neg"], 1)
    out = ksample(
        unet,
        {"samples": toy_latent(case["latent"])},
        seed=case["seed"],
        steps=case["steps"],
        cfg=case["cfg"],
        sampler_name=case["sampler"],
        scheduler=case["scheduler"],
        positive=[[positive, {}]],
        negative=[[negative, {}]],
    )
    assert (out["samples"] - tensors[case["out"]]).abs().max() <= case["atol"]

"""Options that reach into the network, on real UNets: attention, skip connections, both guidances.

A case names a node and its inputs; the node puts its option on the model.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.files.folders import Folders
from engine.graph.native import definitions
from engine.sampling.ksample import ksample
from engine.sampling.model import DiffusionModel, network_model
from nodes import guidance
from tests.engine.sampling.golden import golden_tensors
from tests.engine.sampling.networks import tiny_unet
from tests.engine.sampling.toy import toy_latent
from tests.nodes.run import LocalRun
from tests.support import vectors

pytestmark = pytest.mark.vectors

NODES = {definition.spec.class_type: definition for definition in definitions(guidance)}
CASES = json.loads(vectors("sampling", "unet.json").read_text())
PATCHED = [case for case in CASES["sampling"] if case["patch"]]


@pytest.fixture(scope="module")
def models() -> dict[str, DiffusionModel]:
    return {name: network_model(unet(name)) for name in CASES["models"]}


def unet(name: str) -> Any:
    config = CASES["models"][name]["ldm_config"]
    heads = {"num_heads": "heads", "num_head_channels": "head_width"}
    found = {ours: config[theirs] for theirs, ours in heads.items() if config[theirs] > 0}
    return tiny_unet(vectors("sampling", f"tiny_unet_{name}.safetensors"), **found)


def sampled(model: DiffusionModel, case: dict[str, Any]) -> torch.Tensor:
    tensors = golden_tensors("sampling", "unet.safetensors")
    contexts = tensors["sampling/context_pos_neg"].split(1)
    pooled = tensors["sampling/pooled_pos_neg"].split(1)
    positive, negative = (
        [[context, {"pooled_output": vector}]]
        for context, vector in zip(contexts, pooled, strict=True)
    )
    latent = {"samples": toy_latent(case["latent"])}
    choices = {"sampler_name": case["sampler"], "scheduler": case["scheduler"]}
    numbers = {name: case[name] for name in ("seed", "steps", "cfg")}
    found = ksample(model, latent, positive=positive, negative=negative, **choices, **numbers)
    samples: torch.Tensor = found["samples"]
    return samples


@pytest.mark.parametrize("case", PATCHED, ids=lambda case: case["id"])
def test_an_option_gives_the_reference_s_latent(
    models: dict[str, DiffusionModel], case: dict[str, Any]
) -> None:
    inputs = {"model": models[case["model"]], **case["patch"]["inputs"]}
    node = NODES[case["patch"]["node"]]
    (model,) = node.call(inputs, LocalRun(Folders(Path("/nowhere")))).values
    out, wanted = sampled(model, case), golden_tensors("sampling", "unet.safetensors")[case["out"]]
    assert (out - wanted).abs().max() <= case["atol"]


def test_the_cases_cover_all_options_of_the_network() -> None:
    assert {case["patch"]["node"] for case in PATCHED} >= {
        "PerturbedAttentionGuidance",
        "SelfAttentionGuidance",
        "FreeU",
        "FreeU_V2",
        "HyperTile",
        "TomePatchModel",
    }
    assert len(PATCHED) >= 12

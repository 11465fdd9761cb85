"""Runs the workflow cases of the sampling vectors: API-format graphs of toy nodes and stock nodes.

Each node is the function of this table that has its name; a case whose nodes are all here can run.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.sampling.ksample import SAMPLERS, Stages, ksample
from engine.sampling.model import DiffusionModel
from engine.sampling.noise import NoiseProfile
from tests.engine.sampling.toy import (
    MODEL_KINDS,
    calls_of,
    conditioning,
    toy_latent,
    toy_model,
)
from tests.support import vectors


def _model(kind: str, latent_format: str = "identity", direct: bool = True) -> DiffusionModel:
    return toy_model(kind, latent_format, direct=direct)


def _latent(
    zeros: list[int] | None = None, key: str = "", batch_index: list[int] | None = None
) -> dict[str, Any]:
    samples = toy_latent(key) if zeros is None else torch.zeros(zeros)
    return {"samples": samples} | ({"batch_index": batch_index} if batch_index else {})


def _with(cond: list[Any], **options: Any) -> list[Any]:
    return [[context, {**old, **options}] for context, old in cond]


def _ksampler(
    model: DiffusionModel, latent_image: Mapping[str, Any], **inputs: Any
) -> dict[str, Any]:
    return ksample(model, latent_image, profile=NoiseProfile.V0_3, **inputs)


def _ksampler_advanced(
    model: DiffusionModel,
    latent_image: Mapping[str, Any],
    *,
    add_noise: str,
    noise_seed: int,
    start_at_step: int,
    end_at_step: int,
    return_with_leftover_noise: str,
    **inputs: Any,
) -> dict[str, Any]:
    stages = Stages(
        start_at_step, end_at_step, add_noise == "enable", return_with_leftover_noise == "disable"
    )
    return _ksampler(model, latent_image, seed=noise_seed, stages=stages, **inputs)


NODES: dict[str, Callable[..., Any]] = {
    "ToyModel": _model,
    "ToyCond": conditioning,
    "ToyLatent": _latent,
    "ToyMask": toy_latent,
    "SetLatentNoiseMask": lambda samples, mask: {
        **samples,
        "noise_mask": mask.reshape(-1, 1, *mask.shape[-2:]),
    },
    "ConditioningCombine": lambda conditioning_1, conditioning_2: conditioning_1 + conditioning_2,
    "ConditioningConcat": lambda conditioning_to, conditioning_from: [
        [torch.cat([context, conditioning_from[0][0]], 1), options]
        for context, options in conditioning_to
    ],
    "ConditioningSetAreaStrength": lambda conditioning, strength: _with(
        conditioning, strength=strength
    ),
    "ConditioningSetTimestepRange": lambda conditioning, start, end: _with(
        conditioning, start_percent=start, end_percent=end
    ),
    "KSampler": _ksampler,
    "KSamplerAdvanced": _ksampler_advanced,
}


def workflow_cases(group: str) -> list[dict[str, Any]]:
    """The cases of `group` that need only nodes, samplers and kinds of model that are here."""
    every = json.loads(vectors("sampling", f"{group}.json").read_text())["cases"]
    return [case for case in every if all(_known(node) for node in case["prompt"].values())]


def _known(node: dict[str, Any]) -> bool:
    inputs = node["inputs"]
    if node["class_type"] == "ToyModel":
        plain = not inputs.get("inpaint") and not inputs.get("adm")
        return plain and inputs["kind"] in MODEL_KINDS
    sampler = inputs.get("sampler_name")
    return node["class_type"] in NODES and (sampler is None or sampler in SAMPLERS)


@dataclass(frozen=True)
class Ran:
    """Results by output name, and what each model was asked: sigma or timestep, and the batch."""

    outputs: dict[str, Any]
    calls: list[tuple[float, list[int]]]


def run_workflow(case: dict[str, Any]) -> Ran:
    """The outputs of a case, its nodes run in the order they are needed."""
    done: dict[str, Any] = {}

    def value(link: Any) -> Any:
        is_link = isinstance(link, list) and len(link) == 2 and isinstance(link[0], str)
        return result(link[0]) if is_link else link

    def result(node_id: str) -> Any:
        if node_id not in done:
            node = case["prompt"][node_id]
            inputs = {name: value(link) for name, link in node["inputs"].items()}
            done[node_id] = NODES[node["class_type"]](**inputs)
        return done[node_id]

    outputs = {name: result(want["node"]) for name, want in case["outputs"].items()}
    models = [made for made in done.values() if isinstance(made, DiffusionModel)]
    return Ran(outputs, [call for model in models for call in calls_of(model)])


def samples_of(output: Any) -> Tensor:
    """The tensor of a LATENT."""
    samples: Tensor = output["samples"]
    return samples

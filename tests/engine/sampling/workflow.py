"""Runs the workflow cases of the sampling vectors as a worker runs prompts.

A case is a graph in API format of toy nodes (`toy_nodes.py`) and stock nodes. It is read, checked
against the catalogue and given to the executor, with the built-in nodes of `nodes/load.py` beside
the toys. So a node is compared with the reference as soon as it stands on a shelf:

    for case in workflow_cases("guidance"):      # those whose classes are all known by now
        ran = Workflows(tmp_path).run(case)      # ran.outputs, ran.models

`workflow_cases(group)` selects by property: every class of the case is in the registry, every
sampler that it names is in the menu, and toy models are of a kind that there is. How many cases of
each group can run is pinned in `test_workflows.py`: raise the number with the nodes that you add.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from engine.execution.cache import Cache
from engine.execution.checkpoints import Checkpoints
from engine.execution.executor import Executor
from engine.execution.job import Cancel, Job
from engine.execution.memory import MemoryCache
from engine.files.folders import Folders
from engine.files.stamps import Stamps
from engine.formats.api import is_link, read_prompt, write_prompt
from engine.graph.definition import Definition
from engine.graph.native import definitions
from engine.graph.registry import Registry
from engine.graph.validation import validate
from engine.lora.patcher import LoraPatcher
from engine.sampling.model import DiffusionModel
from engine.sampling.policy import NoiseProfile, SamplingPolicy
from engine.weights.choices import Choices
from engine.weights.residency import Residency
from engine.weights.wishes import Wishes
from nodes.load import load_registry
from tests.engine.sampling import toy_nodes
from tests.engine.sampling.toy import MODEL_KINDS
from tests.engine.sampling.toy_nodes import Kept
from tests.support import vectors


def _unlimited(definition: Definition) -> Definition:
    """The node without the limits of its numbers: some areas of the vectors are smaller."""
    inputs = [
        replace(one, options={k: v for k, v in one.options.items() if k not in ("min", "max")})
        for one in definition.spec.inputs
    ]
    return replace(definition, spec=replace(definition.spec, inputs=tuple(inputs)))


_STOCK = map(_unlimited, load_registry(Path("/nowhere")).values())
REGISTRY = Registry([*definitions(toy_nodes), *_STOCK])


@dataclass(frozen=True)
class Ran:
    """Results by output name, and the toy models, which know what they were asked."""

    outputs: dict[str, Any]
    models: list[DiffusionModel]


class Workflows:
    """A worker's executor on the CPU in float32, with the noise of the release of the vectors."""

    def __init__(self, base: Path, cache: Cache | None = None) -> None:
        self.folders = Folders(base)
        self.kept = Kept()
        self.executor = Executor(
            REGISTRY,
            self.folders,
            {
                Residency: Residency(Choices(wishes=Wishes(force="fp32")), LoraPatcher()),
                SamplingPolicy: SamplingPolicy(NoiseProfile.V0_3),
                Kept: self.kept,
            },
            cache or MemoryCache(1 << 24),
            write_prompt,
            Checkpoints(base / "states"),
            Stamps(),
            around=torch.inference_mode,
        )

    def run(self, case: dict[str, Any]) -> Ran:
        """The outputs of a case, in an engine that knows nothing of the ones before it.

        Raises AssertionError when the prompt is refused or a node fails.
        """
        self.executor.forget()
        self.kept.models.clear()
        self.kept.values.clear()
        prompt = read_prompt(with_outputs(case))
        checked = validate(prompt, REGISTRY.catalogue, self.folders)
        assert checked.error is None, checked
        assert not checked.node_errors, checked.node_errors
        job = Job(case["id"], checked.graph, checked.outputs)
        outcome = self.executor.run(job, lambda _: None, Cancel())
        assert outcome.status == "success", outcome.messages[-1]
        return Ran(dict(self.kept.values), list(self.kept.models))

    def close(self) -> None:
        self.executor.close()


def with_outputs(case: dict[str, Any]) -> dict[str, Any]:
    """The prompt of a case with a node that keeps each of its outputs."""
    prompt = {
        name: {**node, "inputs": {key: _constant(value) for key, value in node["inputs"].items()}}
        for name, node in case["prompt"].items()
    }
    for name, want in case["outputs"].items():
        inputs = {"name": name, "value": [want["node"], want["slot"]]}
        prompt[f"keep {name}"] = {"class_type": "ToyKeep", "inputs": inputs}
    return prompt


def _constant(value: Any) -> Any:
    """As API prompts write a list that is no link."""
    return {"__value__": value} if isinstance(value, list) and not is_link(value) else value


def workflow_cases(group: str) -> list[dict[str, Any]]:
    """The cases of `group` that need only nodes, samplers and kinds of model that are here."""
    return [case for case in _cases(group) if "outputs" in case]


def fault_cases(group: str) -> list[dict[str, Any]]:
    """The same of those in which the reference fails, with what their last node gives as output."""
    return [
        {**case, "outputs": {"o": {"node": list(case["prompt"])[-1], "slot": 0}}}
        for case in _cases(group)
        if "error" in case
    ]


def _cases(group: str) -> list[dict[str, Any]]:
    every = json.loads(vectors("sampling", f"{group}.json").read_text())["cases"]
    return [case for case in every if all(_known(node) for node in case["prompt"].values())]


def _known(node: dict[str, Any]) -> bool:
    class_type, inputs = node["class_type"], node["inputs"]
    if class_type not in REGISTRY:
        return False
    spec = REGISTRY[class_type].spec
    menu = spec.input("sampler_name")
    if menu is not None and inputs["sampler_name"] not in menu.choices:
        return False
    if class_type == "ToyModel" and inputs["kind"] not in MODEL_KINDS:
        return False
    return all(spec.input(name) is not None for name in inputs)

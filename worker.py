"""What a worker process is made of: the nodes, the weights' residency, the executor.

This is the one place where everything comes together, and the only one besides the nodes that the
server never imports. ``main.py`` starts it as ``python main.py worker``.
"""

import argparse
import gc
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import torch

from engine.execution import mutation
from engine.execution.checkpoints import Checkpoints, add_checkpoint_flag
from engine.execution.executor import Executor
from engine.execution.foresee import foresee
from engine.execution.job import Cancel, Emit, Job, Outcome
from engine.execution.modes import add_cache_flags, cache_mode
from engine.execution.tiers import make_cache
from engine.files.folders import Folders
from engine.files.once import sweep
from engine.files.stamps import Stamps
from engine.formats.api import read_prompt, write_prompt
from engine.formats.metadata import MetadataPolicy
from engine.graph.catalogue import Catalogue
from engine.graph.checks import custom_problems
from engine.lora.patcher import LoraPatcher
from engine.sampling.policy import SamplingPolicy, add_sampling_flags, sampling_policy
from engine.weights.choices import Choices
from engine.weights.meter import DeviceMeter
from engine.weights.networks import preload
from engine.weights.residency import Residency
from engine.weights.tuning import tune_process
from engine.weights.wishes import add_weights_flags, wishes
from nodes.load import load_registry

_PLACES = ("input", "output", "temp", "user")
# New objects before the collector looks for rings among them: a large prompt makes a million, and
# Python's own number would have a fifth of its time spent on looking.
_COLLECT_AFTER = 20_000


def parser() -> argparse.ArgumentParser:
    """The options that the server hands to its worker."""
    found = argparse.ArgumentParser(prog="main.py worker")
    found.add_argument("--base-directory", type=Path, required=True)
    for place in _PLACES:
        found.add_argument(f"--{place}-directory", type=Path)
    found.add_argument("--disable-metadata", action="store_true")
    found.add_argument("--debug-mutations", action="store_true")
    add_checkpoint_flag(found)
    found.add_argument("--sharing", type=int, default=1, help="workers that share this memory")
    add_cache_flags(found)
    add_sampling_flags(found)
    add_weights_flags(found)
    found.add_argument("--device", default="auto", help="cpu, cuda:0 ... or auto, the first")
    return found


class Engine:
    """The engine of one worker process, on one device."""

    def __init__(self, options: argparse.Namespace) -> None:
        tune_process()
        torch.set_grad_enabled(False)
        self.device = _device(options.device)
        folders = folders_of(options)
        for place in (folders.output, folders.temp):
            sweep(place)
        kept = folders.user / "cache"
        registry = load_registry(folders.custom_nodes)
        policy = sampling_policy(options)
        self.catalogue: Catalogue = registry.catalogue
        choices = Choices(self.device, wishes(options))
        facts = {**policy.facts, **choices.facts}
        self.residency = Residency(choices, LoraPatcher())
        self.executor = Executor(
            registry,
            folders,
            {
                Residency: self.residency,
                SamplingPolicy: policy,
                MetadataPolicy: MetadataPolicy(not options.disable_metadata, facts),
            },
            make_cache(cache_mode(options), _memory_budget(options.sharing), kept, _salt(facts)),
            write_prompt,
            Checkpoints(kept / "states", interval=options.checkpoint_interval),
            Stamps(kept / "stamps.json"),
            around=torch.inference_mode,
            previews=policy.preview_method != "none",
            watch=mutation if options.debug_mutations else None,
            meter=DeviceMeter(self.device),
        )
        # Takes seconds, and nobody should wait for it who only asks which nodes there are.
        self.executor.lanes.submit("device", _preload)

    def device_facts(self) -> Mapping[str, Any]:
        """Versions and memory as ``/system_stats`` shows them, and what the dispatcher asks."""
        return {
            "pytorch_version": torch.__version__,
            "devices": [_facts(self.device)],
            "visible": _visible(),
            "warm": self.residency.warm,
            "cache_bytes": self.executor.cache.bytes,
        }

    def run(self, job: Job, emit: Emit, cancel: Cancel) -> Outcome:
        return self.executor.run(job, emit, cancel)

    def answer(self, what: str, payload: Mapping[str, Any]) -> Any:
        """What only this process can know of a prompt, asked beside running jobs.

        ``check``: what its nodes' own validation finds, problems by node id. ``plan``: what would
        run (``foresee``). ``{"prompt", "outputs", "extra"}`` is the payload of both.
        ``catalogue``: the specs of the classes that may describe themselves differently by now.

        Raises:
            ValueError: another question.
        """
        if what == "catalogue":
            now = self.executor.registry.refreshed()
            return [spec.to_json() for spec in now.values() if spec.changing]
        graph, outputs = read_prompt(payload["prompt"]), tuple(payload["outputs"])
        if what == "check":
            found = custom_problems(graph, outputs, self.executor.registry)
            return {i: [problem.to_json() for problem in problems] for i, problems in found.items()}
        if what == "plan":
            return foresee(self.executor, Job("plan", graph, outputs, payload.get("extra", {})))
        raise ValueError(f"A worker cannot answer '{what}'.")

    def free(self, *, unload_models: bool, free_memory: bool) -> None:
        if free_memory:
            self.executor.forget()
        if unload_models or free_memory:
            self.residency.free()


def engine(arguments: list[str]) -> Engine:
    """The engine that the server's command line asks for."""
    return Engine(parser().parse_args(arguments))


def _preload() -> None:
    """Import what first prompts need, and let the collector look at none of it ever again."""
    preload()
    # Modules stay for ever, and they are most of all objects: to walk them takes a quarter of a
    # second, in the middle of somebody's prompt.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)


def folders_of(options: argparse.Namespace) -> Folders:
    places = {name: getattr(options, f"{name}_directory") for name in _PLACES}
    chosen = {name: path for name, path in places.items() if path is not None}
    return Folders(options.base_directory, Path(__file__).parent / "models", chosen)


def _memory_budget(workers: int) -> int:
    """Bytes of results that one of so many workers keeps: together they take a quarter."""
    return int(psutil.virtual_memory().total) // 4 // max(1, workers)


def _salt(facts: Mapping[str, str]) -> str:
    """What results on disk depend on besides their keys: who computed them, and how."""
    how = ", ".join(f"{name} {value}" for name, value in facts.items())
    return f"torch {torch.__version__}, diffusers {version('diffusers')}, {how}"


def _device(name: str) -> torch.device:
    if name == "auto":
        name = _visible()[0]
    device = torch.device(name)
    if device.type == "cuda":
        torch.cuda.set_device(device)  # what nodes mean that say just "cuda"
    return device


def _visible() -> list[str]:
    """The devices that could have a worker each: the GPUs, or else the CPU."""
    return [f"cuda:{index}" for index in range(torch.cuda.device_count())] or ["cpu"]


def _facts(device: torch.device) -> dict[str, Any]:
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        reserved = torch.cuda.memory_reserved(device)
        idle = reserved - torch.cuda.memory_allocated(device)
        return {
            "name": f"{device} {torch.cuda.get_device_name(device)}",
            "type": "cuda",
            "index": device.index,
            "vram_total": total,
            "vram_free": free,
            "torch_vram_total": reserved,
            "torch_vram_free": idle,
        }
    memory = psutil.virtual_memory()
    return {
        "name": "cpu",
        "type": "cpu",
        "index": None,
        "vram_total": memory.total,
        "vram_free": memory.available,
        "torch_vram_total": memory.total,
        "torch_vram_free": memory.available,
    }

"""What a worker process is made of: the nodes, the weights' residency, the executor.

This is the one place where everything comes together, and the only one besides the nodes that the
server never imports. ``main.py`` starts it as ``python main.py worker``.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import torch

from engine.execution.cache import MemoryCache
from engine.execution.executor import Executor
from engine.execution.job import Cancel, Emit, Job, Outcome
from engine.files.folders import Folders
from engine.formats.api import write_prompt
from engine.formats.metadata import MetadataPolicy
from engine.graph.catalogue import Catalogue
from engine.lora.patcher import LoraPatcher
from engine.weights.networks import preload
from engine.weights.residency import Residency
from engine.weights.tuning import tune_process
from nodes.load import load_registry

_PLACES = ("input", "output", "temp", "user")


def parser() -> argparse.ArgumentParser:
    """The options that the server hands to its worker."""
    found = argparse.ArgumentParser(prog="main.py worker")
    found.add_argument("--base-directory", type=Path, required=True)
    for place in _PLACES:
        found.add_argument(f"--{place}-directory", type=Path)
    found.add_argument("--previews", action="store_true")
    found.add_argument("--disable-metadata", action="store_true")
    found.add_argument("--cpu", action="store_true")
    return found


class Engine:
    """The engine of one worker process, on one device."""

    def __init__(self, options: argparse.Namespace) -> None:
        tune_process()
        torch.set_grad_enabled(False)
        self.device = _device(cpu=options.cpu)
        folders = folders_of(options)
        registry = load_registry(folders.custom_nodes)
        self.catalogue: Catalogue = registry.catalogue
        self.residency = Residency(self.device, torch.float32, LoraPatcher())
        self.executor = Executor(
            registry,
            folders,
            {
                Residency: self.residency,
                MetadataPolicy: MetadataPolicy(embed=not options.disable_metadata),
            },
            MemoryCache(psutil.virtual_memory().total // 4),
            write_prompt,
            around=torch.inference_mode,
            previews=options.previews,
        )
        # Takes seconds, and nobody should wait for it who only asks which nodes there are.
        self.executor.lanes.submit("device", preload)

    def device_facts(self) -> Mapping[str, Any]:
        """Versions and memory as ``/system_stats`` shows them."""
        return {"pytorch_version": torch.__version__, "devices": [_facts(self.device)]}

    def run(self, job: Job, emit: Emit, cancel: Cancel) -> Outcome:
        return self.executor.run(job, emit, cancel)

    def free(self, *, unload_models: bool, free_memory: bool) -> None:
        if free_memory:
            self.executor.cache.clear()
        if unload_models or free_memory:
            self.residency.free()


def engine(arguments: list[str]) -> Engine:
    """The engine that the server's command line asks for."""
    return Engine(parser().parse_args(arguments))


def folders_of(options: argparse.Namespace) -> Folders:
    places = {name: getattr(options, f"{name}_directory") for name in _PLACES}
    chosen = {name: path for name, path in places.items() if path is not None}
    return Folders(options.base_directory, Path(__file__).parent / "models", chosen)


def _device(*, cpu: bool) -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() and not cpu else "cpu")


def _facts(device: torch.device) -> dict[str, Any]:
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        reserved = torch.cuda.memory_reserved(device)
        idle = reserved - torch.cuda.memory_allocated(device)
        return {
            "name": f"cuda:0 {torch.cuda.get_device_name(device)}",
            "type": "cuda",
            "index": 0,
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

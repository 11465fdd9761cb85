"""The golden LoRA cases: the networks they are for, and what a chain of files makes of a base."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.lora.file import read_lora
from engine.lora.keys import Targets, target_table
from engine.lora.match import match
from engine.lora.steps import Step, applied, read_step
from engine.weights.configs import Config, TextConfig, UnetConfig
from engine.weights.tensors import TensorFile
from tests.engine.sampling.golden import golden_tensors
from tests.support import vectors

_CLIP_L = TextConfig(768, 12, 3072)
FAMILIES: Mapping[str, Mapping[str, Config]] = {
    "sd15": {
        "unet": UnetConfig((320, 640, 1280, 1280), (1, 1, 1, 0)),
        "text_encoder": _CLIP_L,
    },
    "sd2": {
        "unet": UnetConfig(
            (320, 640, 1280, 1280), (1, 1, 1, 0), context_width=1024, head_width=64, linear=True
        ),
        "text_encoder": TextConfig(1024, 23, 4096, kind="h", activation="gelu"),
    },
    "sdxl": {
        "unet": UnetConfig(
            (320, 640, 1280),
            (0, 2, 10),
            middle=10,
            context_width=2048,
            head_width=64,
            linear=True,
            vector=2816,
        ),
        "text_encoder": _CLIP_L,
        "text_encoder_2": TextConfig(1280, 32, 5120, kind="g", activation="gelu", projection=1280),
    },
}
KEYMAPS = {"sd15": "keymap_sd15.json", "sd2": "keymap_sd2.json", "sdxl": "keymap_sdxl.json"}


def manifest() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(vectors("lora", "manifest.json").read_text())
    return loaded


def lora_path(name: str) -> Path:
    return vectors("lora", "cases", name)


def strength_of(component: str) -> str:
    """Which of a loader's two strengths a component listens to."""
    return "model" if component == "unet" else "clip"


def base_of(case: Mapping[str, Any]) -> dict[str, Tensor]:
    """The weights before, by component/parameter."""
    gold = golden_tensors("lora", "cases", case["gold"])
    return {n.removeprefix("base/"): t for n, t in gold.items() if n.startswith("base/")}


def wanted(case: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Tensor]:
    """The weights after a run."""
    gold, prefix = golden_tensors("lora", "cases", case["gold"]), f"want/{run['run']}/"
    return {n.removeprefix(prefix): t for n, t in gold.items() if n.startswith(prefix)}


def tables(family: str, base: Mapping[str, Tensor]) -> Iterator[tuple[str, Targets]]:
    """The networks of a family with the shapes that ``base`` has, by component."""
    for component, config in FAMILIES[family].items():
        start = f"{component}/"
        mine = {n.removeprefix(start): t for n, t in base.items() if n.startswith(start)}
        shapes = {name: tuple(tensor.shape) for name, tensor in mine.items()}
        yield component, target_table(config, shapes, grows=True)


def after(
    case: Mapping[str, Any], run: Mapping[str, Any], base: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """What the engine makes of ``base`` by the files and strengths of a run."""
    chains: dict[str, list[Step]] = {name: [] for name in base}
    shapes = {name: tuple(tensor.shape) for name, tensor in base.items()}
    for component, targets in tables(case["family"], base):
        for file, strengths in zip(case["files"], run["strengths"], strict=True):
            strength = strengths[strength_of(component)]
            lora = read_lora(lora_path(file))
            with TensorFile(lora.file) as tensors:
                for parameter, fit in match(lora, targets).fits.items() if strength else ():
                    name = f"{component}/{parameter}"
                    chains[name].append(read_step(tensors, fit, strength, torch.device("cpu")))
                    shapes[name] = fit.grown or shapes[name]
    return {name: applied(base[name], chain, shapes[name]) for name, chain in chains.items()}

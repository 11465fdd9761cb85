"""Applies LoRA files to the parameters of a network: what ``engine.weights.patching`` asks for."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from math import isfinite

import torch
from torch import Tensor

from engine.lora.delta import Low, add_low
from engine.lora.errors import LoraError
from engine.lora.file import Factors
from engine.lora.match import match_part
from engine.weights.checkpoint import Part
from engine.weights.configs import Config
from engine.weights.handles import LoraPatch, WeightsFile
from engine.weights.patching import Add
from engine.weights.tensors import TensorFile


class LoraPatcher:
    """The patcher of a ``Residency``. Holds no state; factors are read when they are applied."""

    def touched(self, file: WeightsFile, part: Part[Config]) -> frozenset[str]:
        """Live names of the parameters of ``part`` that ``file`` changes.

        Raises:
            WeightsError: the file is unusable. That nothing matches is not an error here; the
                node that loads the file has said so, see ``report.py``.
        """
        return frozenset(match_part(file, part).fits)

    @contextmanager
    def opened(self, files: Iterable[WeightsFile], part: Part[Config]) -> Iterator[Add]:
        """Open ``files`` for adding to parameters of ``part``.

        Raises:
            WeightsError: a file has gone or changed.
            LoraError: from the function given out, when an alpha is not a finite number.
        """
        with ExitStack() as stack:
            tensors = {file: stack.enter_context(TensorFile(file)) for file in files}

            def add(parameter: str, entries: tuple[LoraPatch, ...], weight: Tensor) -> None:
                changes = [
                    read_low(
                        tensors[entry.file],
                        match_part(entry.file, part).fits[parameter],
                        entry.strength,
                        weight.device,
                    )
                    for entry in entries
                ]
                add_low(weight, changes)

            yield add


def read_low(tensors: TensorFile, factors: Factors, strength: float, device: torch.device) -> Low:
    """Read the factors of one module, upcast to float32.

    Raises:
        LoraError: the file's alpha is not a finite number.
    """
    up = tensors.read(factors.up, torch.float32).to(device).flatten(1)
    down = tensors.read(factors.down, torch.float32).to(device).flatten(1)
    mid = tensors.read(factors.mid, torch.float32).to(device) if factors.mid else None
    scale = _scale(tensors, factors, rank=down.shape[0])
    return Low(strength * scale, up, down, mid)


def _scale(tensors: TensorFile, factors: Factors, rank: int) -> float:
    """``scale`` if the file has it, else alpha / rank, else 1."""
    name = factors.scale or factors.alpha
    if not name:
        return 1.0
    value = tensors.read(name, torch.float64)
    if value.numel() != 1 or not isfinite(value.item()):
        raise LoraError(f"{tensors.file.name}: {name} is not one finite number.")
    return value.item() if factors.scale else value.item() / rank

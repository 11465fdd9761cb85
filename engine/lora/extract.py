"""A LoRA out of two checkpoints: what training changed, as products of a given rank."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from engine.lora.errors import LoraError
from engine.lora.resize import Resized, resized
from engine.lora.writing import DIFFERENCES, stem_of
from engine.weights.configs import Config, TextConfig
from engine.weights.finite import all_finite
from engine.weights.ldm import names
from engine.weights.part import Part
from engine.weights.tensors import TensorFile


def extracted(base: Sequence[Part[Config]], tuned: Sequence[Part[Config]], rank: int) -> Resized:
    """The difference of every weight of ``tuned`` from the same one of ``base``.

    Weights that are equal are left out, and biases and norms too: they are small, and files with
    them are read by fewer tools. One weight of each is in memory at a time.

    Args:
        base: networks of a model, in any order.
        tuned: the networks of another model of the same kind.
        rank: of the products, at most.

    Raises:
        LoraError: the networks are not of the same kinds and sizes, or nothing differs.
        WeightsError: a file is unusable.
    """
    pairs = [(one, _counterpart(one, tuned)) for one in base]
    texts = sum(isinstance(one.config, TextConfig) for one in base)
    made: dict[str, Tensor] = {}
    energy: dict[str, float] = {}
    squares = kept = 0.0
    for one, other in pairs:
        stems = stem_of(one.config, texts > 1)
        for module, change in _differences(one, other):
            found = resized({stems[module] + DIFFERENCES["weight"]: change}, rank)
            square = float(change.double().square().sum())
            made |= found.tensors
            energy |= found.energy
            squares, kept = squares + square, kept + found.kept * square
    if not made:
        raise LoraError(
            f"{tuned[0].file.name} and {base[0].file.name} have the same weights; there is nothing "
            "to extract."
        )
    return Resized(made, energy, kept / squares)


def _counterpart(part: Part[Config], others: Sequence[Part[Config]]) -> Part[Config]:
    found = next((other for other in others if other.config == part.config), None)
    if found is None:
        raise LoraError(
            f"{others[0].file.name if others else 'The other file'} holds no network like one in "
            f"{part.file.name}; a LoRA is extracted from two models of the same kind and size."
        )
    return found


def _differences(one: Part[Config], other: Part[Config]) -> Iterator[tuple[str, Tensor]]:
    """Live modules whose weights are not the same, with float32 differences."""
    with TensorFile(one.file) as before, TensorFile(other.file) as after:
        for pair in names(one.config).pairs:
            parameter = f"{pair.live}.weight"
            shape = one.shape(parameter)
            if len(shape) < 2:
                continue
            change, weight = torch.empty(shape), torch.empty(shape)
            before.read_into(one.place(parameter), weight)
            after.read_into(other.place(parameter), change)
            if not all_finite(change.sub_(weight)):
                raise LoraError(
                    f"{parameter} holds numbers that are not finite in {one.file.name} or "
                    f"{other.file.name}, so there is no difference to take."
                )
            if change.any():
                yield pair.live, change

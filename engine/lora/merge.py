"""Several LoRAs made into one that does exactly what they do together.

Low-rank changes are joined along their ranks, with scales and strengths folded into the up side;
other changes that do not depend on the weight are summed up as they are. What does depend on it
cannot be in one file with others, and is refused.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.lora.algorithms import KINDS
from engine.lora.algorithms.dora import has_magnitude
from engine.lora.algorithms.kind import Shape
from engine.lora.errors import LoraError
from engine.lora.file import LoraFile
from engine.lora.keys import Targets
from engine.lora.match import match
from engine.lora.steps import Step, apply_steps, read_step
from engine.lora.writing import DIFFERENCES, product, stem_of
from engine.weights.configs import TextConfig
from engine.weights.tensors import TensorFile

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Share:
    """A file in a merge, with its strengths for the denoising and the text networks."""

    lora: LoraFile
    model: float = 1.0
    clip: float = 1.0


@dataclass(frozen=True)
class Merged:
    """Tensors of a file, float32, and the stems of the given files that went into none of them."""

    tensors: Mapping[str, Tensor]
    left_out: tuple[str, ...]


def merged(shares: Sequence[Share], networks: Sequence[Targets]) -> Merged:
    """What ``shares`` do to ``networks``, in the order of the chain, as one file.

    Raises:
        LoraError: a change depends on the weight that it changes.
        WeightsError: a file is unusable.
    """
    texts = sum(isinstance(one.config, TextConfig) for one in networks)
    tensors: dict[str, Tensor] = {}
    for network in networks:
        stems = stem_of(network.config, texts > 1)
        for parameter, steps in _chains(shares, network):
            module, _, leaf = parameter.rpartition(".")
            tensors |= _joined(stems[module], leaf, steps, network.shapes[parameter])
    known = {s for share in shares for one in networks for s in match(share.lora, one).known}
    stems_given = {stem for share in shares for stem in share.lora.names}
    return Merged(tensors, tuple(sorted(stems_given - known)))


def _chains(shares: Sequence[Share], network: Targets) -> Iterator[tuple[str, list[Step]]]:
    """Every parameter that is changed, with its steps; one parameter in memory at a time."""
    strengths = [
        share.clip if isinstance(network.config, TextConfig) else share.model for share in shares
    ]
    fits = [match(share.lora, network).fits for share in shares]
    for parameter in dict.fromkeys(name for one in fits for name in one):
        steps = []
        for share, strength, found in zip(shares, strengths, fits, strict=True):
            if strength and parameter in found:
                with TensorFile(share.lora.file) as tensors:
                    steps.append(read_step(tensors, found[parameter], strength, _CPU))
        if steps:
            yield parameter, steps


def _joined(stem: str, leaf: str, steps: Sequence[Step], shape: Shape) -> dict[str, Tensor]:
    for step in steps:
        if not KINDS[step.kind].additive or has_magnitude(step.factors):
            name = "DoRA" if has_magnitude(step.factors) else KINDS[step.kind].name
            raise LoraError(
                f"{step.where} is {name}, which depends on the weights of the model, so it cannot "
                "be merged into another LoRA; save a checkpoint with the LoRAs in it instead."
            )
    if all(step.is_product for step in steps):
        ups = [_up(step) for step in steps]
        downs = [step.factors["down"].flatten(1) for step in steps]
        return product(stem, torch.cat(ups, dim=1), torch.cat(downs), shape)
    total = torch.zeros(shape)
    apply_steps(total, steps)
    return {stem + DIFFERENCES[leaf]: total}


def _up(step: Step) -> Tensor:
    up = step.factors["up"].flatten(1)
    return step.strength * step.scale * (up if step.rows is None else step.rows.cut(up))

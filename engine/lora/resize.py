"""A LoRA made smaller: every change as the best product of a given rank, and what that keeps."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from engine.lora.errors import LoraError
from engine.lora.factoring import Factored, factored, refactored
from engine.lora.writing import ALPHA, DIFFERENCES, DOWN, UP, product


@dataclass(frozen=True)
class Resized:
    """Tensors of a file, float32.

    Attributes:
        energy: by stem the share of the squared norm of its change that is kept.
        kept: the same of all changes together; 1 when there are none.
    """

    tensors: Mapping[str, Tensor]
    energy: Mapping[str, float]
    kept: float


def resized(tensors: Mapping[str, Tensor], rank: int) -> Resized:
    """Bring what ``merged`` or ``extracted`` gave to at most ``rank``.

    Products get factors of that rank, differences of weights become products, and differences of
    vectors stay.

    Raises:
        LoraError: ``rank`` is not a positive number.
    """
    if rank < 1:
        raise LoraError(f"A LoRA of rank {rank} would hold nothing; the rank must be 1 or more.")
    made: dict[str, Tensor] = {}
    done: dict[str, Factored] = {}
    for name, tensor in tensors.items():
        stem, shape = name.rpartition(".")[0], tuple(tensor.shape)
        if name.endswith(UP):
            stem = name.removesuffix(UP)
            down = tensors[stem + DOWN]
            scale = tensors[stem + ALPHA].item() / len(down)
            done[stem] = refactored(scale * tensor.flatten(1), down.flatten(1), rank)
            shape = (len(tensor), *down.shape[1:])
        elif name.endswith(DIFFERENCES["weight"]) and tensor.dim() > 1:
            done[stem] = factored(tensor.flatten(1), rank)
        elif not name.endswith((DOWN, ALPHA)):
            made[name] = tensor
            continue
        else:
            continue
        made |= product(stem, done[stem].up, done[stem].down, shape)
    energy = {stem: one.kept / one.total if one.total else 1.0 for stem, one in done.items()}
    total = sum(one.total for one in done.values())
    kept = sum(one.kept for one in done.values()) / total if total else 1.0
    return Resized(made, energy, min(1.0, kept))

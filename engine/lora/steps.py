"""Changes with their numbers, and how a chain of them changes a weight, in float32.

Every change is W' = W + s * a * D(W), and each sees what the ones before it left. What does not
depend on W commutes, so low-rank changes that follow one another are joined along their ranks into
one product: it reads and writes the weight once however many there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from engine.lora.algorithms import KINDS
from engine.lora.algorithms.dora import has_magnitude, renormed
from engine.lora.algorithms.kind import Factors
from engine.lora.errors import LoraError
from engine.lora.match import Fit
from engine.lora.stems import Rows
from engine.weights.finite import all_finite
from engine.weights.tensors import TensorFile


@dataclass(frozen=True)
class Step:
    """One change of one weight, in memory.

    Attributes:
        kind: the algorithm, a key of ``KINDS``.
        factors: float32, on the weight's device.
        scale: a, without the strength.
        strength: s; not 0.
        rows: which rows of D the weight gets; None for all.
        where: the file and the stem, for messages.
    """

    kind: str
    factors: Factors
    scale: float
    strength: float
    rows: Rows | None
    where: str

    @property
    def is_product(self) -> bool:
        """Whether D is up @ down and nothing else."""
        more = "mid" in self.factors or has_magnitude(self.factors)
        return self.kind == "lora" and not more


def read_step(tensors: TensorFile, fit: Fit, strength: float, device: torch.device) -> Step:
    """Read the factors of one change, upcast to float32.

    Raises:
        LoraError: some of the file's numbers are not finite.
    """
    change = fit.change
    header = tensors.header.tensors
    shapes = {factor: header[name].shape for factor, name in change.factors.items()}
    factors = {
        factor: _read(tensors, name).to(device)
        for factor, name in change.factors.items()
        if factor != "reshape"
    }
    rank = KINDS[change.kind].rank(shapes)
    scale = _scale(factors, rank, fit.scale)
    where = f"{tensors.file.name}: {change.stem}"
    return Step(change.kind, factors, scale, strength, fit.rows, where)


def _read(tensors: TensorFile, name: str) -> Tensor:
    # What a pickle holds may be a parameter that wants a gradient.
    tensor = tensors.read(name, torch.float32).detach()
    if not all_finite(tensor):
        raise LoraError(
            f"{tensors.file.name}: {name} holds numbers that are not finite; the file is damaged."
        )
    return tensor


def _scale(factors: Factors, rank: int, adapter: float | None) -> float:
    """``scale`` if the file has it, else alpha / rank, else what the adapter says, else 1."""
    if not rank:
        return 1.0
    if "scale" in factors:
        return factors["scale"].item()
    if "alpha" in factors:
        return factors["alpha"].item() / rank
    return 1.0 if adapter is None else adapter


def apply_steps(weight: Tensor, steps: Sequence[Step]) -> None:
    """Change a contiguous float32 weight in place, one step after the other.

    Raises:
        LoraError: a step's own numbers contradict one another.
    """
    for products, group in groupby(steps, key=lambda step: step.is_product):
        if products:
            _add_products(weight, list(group))
        else:
            for step in group:
                _apply(weight, step)


def applied(weight: Tensor, steps: Sequence[Step], shape: tuple[int, ...]) -> Tensor:
    """A float32 copy of ``weight`` after ``steps``, first padded with zeros to ``shape``."""
    copied = torch.zeros(shape, dtype=torch.float32, device=weight.device)
    copied[tuple(slice(size) for size in weight.shape)] = weight
    apply_steps(copied, steps)
    return copied


def _add_products(weight: Tensor, steps: Sequence[Step]) -> None:
    ups, downs = [], []
    for step in steps:
        up = step.factors["up"].flatten(1)
        part = up if step.rows is None else step.rows.cut(up)
        ups.append((step.strength * step.scale) * part)
        downs.append(step.factors["down"].flatten(1))
    rows = weight.view(len(weight), -1)
    rows.addmm_(torch.cat(ups, dim=1), torch.cat(downs, dim=0))


def _apply(weight: Tensor, step: Step) -> None:
    kind = KINDS[step.kind]
    try:
        delta = kind.delta(step.factors, _seen(weight, step.rows))
    except LoraError as error:
        raise LoraError(f"{step.where}: {error}.") from error
    if step.rows is not None:
        delta = step.rows.cut(delta)
    strength = 1.0 if kind.replaces else step.strength
    if has_magnitude(step.factors):
        weight.add_(renormed(step.factors, weight, delta.mul_(step.scale)), alpha=strength)
    else:
        weight.add_(delta, alpha=strength * step.scale)


def _seen(weight: Tensor, rows: Rows | None) -> Tensor:
    """What D looks at: of several modules in one there is only a shape, which suffices there."""
    if rows is None:
        return weight
    return torch.empty((rows.total, *weight.shape[1:]), device="meta")

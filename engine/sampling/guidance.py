"""Classifier-free guidance: positive and negative prompts to one denoiser for the samplers.

Decides which prompt parts are evaluated together in one call of the model, and how their
predictions are weighted. Masks of the latent are `mask.py`'s, what a prediction is, `model.py`'s.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.sampling.conditioning import Entry
from engine.sampling.model import Predict

# Contexts of unequal length are repeated to a common one, up to this many times the shortest.
_LONGEST_REPEAT = 4
# Keeps the weighted mean finite when every strength is 0.
_NO_WEIGHT = 1e-37


@dataclass(frozen=True, slots=True)
class Guided:
    """The denoiser of a KSampler: U + (C - U) cfg (Ho & Salimans 2022, arXiv 2207.12598).

    At cfg 1 the negative prompt is not evaluated and its prediction is 0, unless `needs_uncond`.
    """

    predict: Predict
    positive: tuple[Entry, ...]
    negative: tuple[Entry, ...]
    cfg: float
    needs_uncond: bool = False

    def __call__(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """`x` float32 [B, C, h, w] to the guided and the unguided clean prediction."""
        skip = math.isclose(self.cfg, 1.0) and not self.needs_uncond
        negative = () if skip else self.negative
        C, U = predict_groups(self.predict, x, float(sigma), (self.positive, negative))
        return U + (C - U) * self.cfg, U


def predict_groups(
    predict: Predict, x: Tensor, sigma: float, groups: Sequence[Sequence[Entry]]
) -> tuple[Tensor, ...]:
    """One clean prediction for each group: the mean of its active entries', weighted by strength.

    A group with no active entry predicts 0. Entries that can share a call do, the last first: a
    plain positive and negative pair is one batch [negative, positive].
    """
    waiting = [
        (number, entry)
        for number, group in enumerate(groups)
        for entry in group
        if entry.active(sigma)
    ]
    sums = [torch.zeros_like(x) for _ in groups]
    weights = [_NO_WEIGHT] * len(groups)
    while waiting:
        first = waiting[0][1]
        batch = [item for item in waiting if _can_share(first, item[1])]
        waiting = [item for item in waiting if not _can_share(first, item[1])]
        batch.reverse()
        contexts = _batched([entry.context for _, entry in batch], x.shape[0])
        many = x.repeat(len(batch), *[1] * (x.ndim - 1))
        levels = torch.full((many.shape[0],), sigma, dtype=torch.float32, device=x.device)
        found = predict(many, levels, contexts).chunk(len(batch))
        for (number, entry), prediction in zip(batch, found, strict=True):
            sums[number] += prediction * entry.strength
            weights[number] += entry.strength
    return tuple(total / weight for total, weight in zip(sums, weights, strict=True))


def _can_share(one: Entry, other: Entry) -> bool:
    """Whether repeating tokens to a common length is cheaper than another call of the model."""
    lengths = one.context.shape[1], other.context.shape[1]
    same_width = one.context.shape[2:] == other.context.shape[2:]
    return same_width and math.lcm(*lengths) <= _LONGEST_REPEAT * min(lengths)


def _batched(contexts: Sequence[Tensor], batch: int) -> Tensor:
    """The contexts of one call, float32 [batch * len(contexts), T, D].

    Repeating a whole context does not change attention, so every length is brought to the common
    multiple. A context with another batch size than the latent's is repeated, then cut.
    """
    length = math.lcm(*(context.shape[1] for context in contexts))
    return torch.cat(
        [
            context.repeat(math.ceil(batch / context.shape[0]), length // context.shape[1], 1)[
                :batch
            ]
            for context in contexts
        ]
    )

"""One evaluation of prompts: which parts share a call of the model, and how predictions are mixed.

What is done with the predictions of the groups is `guidance.py`'s. Spec section 7.3.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.sampling.areas import uncovered, weight
from engine.sampling.entries import Area, Entry
from engine.sampling.facts import RunFacts
from engine.sampling.hooks import Groups, Predictions
from engine.sampling.inputs import Control, Inputs
from engine.sampling.model import DiffusionModel
from engine.weights.handles import LoraPatch
from engine.weights.sites import NO_PATCHES, Call, Patches

# Contexts of unequal length are repeated to a common one, up to this many times the shortest.
_LONGEST_REPEAT = 4
# Keeps the weighted mean finite where nothing counts.
_NO_WEIGHT = 1e-37


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """An entry of group number `group` as it is evaluated: on `x`, counting `weight`, with
    `patches` on the model's weights.
    """

    group: int
    entry: Entry
    x: Tensor
    area: Area | None
    weight: Tensor | float
    patches: tuple[LoraPatch, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluator:
    """Predictions of prompts for one run of `model`."""

    model: DiffusionModel
    facts: RunFacts

    def __call__(
        self, groups: Groups, x: Tensor, sigma: Tensor, patches: Patches = NO_PATCHES
    ) -> Predictions:
        """A clean prediction for each group at `x` float32 [B, C, h, w] and `sigma` [].

        It is the mean of the group's active entries', weighted cell by cell; 0 where nothing counts
        and for a group that is None. Entries that can share a call do, the last first: a plain
        positive and negative pair is one batch [negative, positive].
        """
        level = float(sigma)
        waiting = _parts(groups, x, level)
        means = [_Mean(x) for _ in groups]
        while waiting:
            first = waiting[0]
            batch = [part for part in waiting if _can_share(first, part)]
            waiting = [part for part in waiting if not _can_share(first, part)]
            batch.reverse()
            for part, found in zip(batch, self._predict(batch, level, patches), strict=True):
                means[part.group].add(part, found)
        return tuple(mean.value() for mean in means)

    def _predict(self, batch: Sequence[_Part], level: float, patches: Patches) -> list[Tensor]:
        """The predictions of parts that can share a call, in as few calls as memory allows."""
        try:
            return list(self._call(batch, level, patches))
        except torch.OutOfMemoryError:
            if len(batch) == 1:
                raise
        half = len(batch) // 2
        first = self._predict(batch[:half], level, patches)
        return first + self._predict(batch[half:], level, patches)

    def _call(self, batch: Sequence[_Part], level: float, patches: Patches) -> tuple[Tensor, ...]:
        size, hooks = batch[0].x.shape[0], self.model.hooks
        x = torch.cat([part.x for part in batch])
        levels = torch.full((x.shape[0],), level, dtype=torch.float32, device=x.device)
        context = _contexts([part.entry.context for part in batch], size)
        y = _joined([part.entry.y for part in batch], size)
        inputs = Inputs(
            y=y,
            concat=_joined([_cropped(part) for part in batch], size),
            control=_controlled(batch, x, level, y),
            patches=hooks.patches + patches,
            call=self._told(batch, levels),
        )
        predict = self.model.predict_with(batch[0].patches)
        if hooks.wrap is None:
            found = predict(x, levels, context, inputs)
        else:
            found = hooks.wrap(predict, x, levels, context, inputs)
        return found.chunk(len(batch))

    def _told(self, batch: Sequence[_Part], levels: Tensor) -> Call:
        """What patches are told of a call."""
        facts, asked = self.facts, tuple(part.group for part in batch)
        return Call(levels, facts.sigmas, asked, facts.draws, facts.memory)


class _Mean:
    """The weighted mean of predictions for parts of a latent like `x`."""

    def __init__(self, x: Tensor) -> None:
        self._like = x
        self._sum: Tensor | None = None
        self._weight: Tensor | float = _NO_WEIGHT

    def add(self, part: _Part, prediction: Tensor) -> None:
        if part.area is None:
            found = prediction * part.weight
            self._sum = found if self._sum is None else self._sum + found
            self._weight = self._weight + part.weight
            return
        if self._sum is None:
            self._sum = torch.zeros_like(self._like)
        if not isinstance(self._weight, Tensor) or self._weight.shape[0] != self._like.shape[0]:
            blank = torch.zeros_like(self._like[:, :1])
            self._weight = blank + self._weight
        part.area.crop(self._sum).add_(prediction * part.weight)
        part.area.crop(self._weight).add_(part.weight)

    def value(self) -> Tensor:
        if self._sum is None:
            return torch.zeros_like(self._like)
        return self._sum / self._weight


def _parts(groups: Groups, x: Tensor, sigma: float) -> list[_Part]:
    """What is active at `sigma`, in the order of the groups, then the defaults that fill up."""
    active = [
        (number, entry)
        for number, group in enumerate(groups)
        for entry in group or ()
        if entry.active(sigma)
    ]
    parts = [_part(number, entry, x, sigma) for number, entry in active if not entry.default]
    rest = []
    for number, entry in active:
        if entry.default:
            taken = [(one.area, one.weight) for one in parts if one.group == number]
            left = uncovered(taken, x)
            if bool(left.any()):
                rest.append(_Part(number, entry, x, None, left, entry.patches(sigma)))
    return _by_patches(parts + rest)


def _part(number: int, entry: Entry, x: Tensor, sigma: float) -> _Part:
    area = entry.area.clipped(x.shape[-2], x.shape[-1]) if entry.area else None
    cropped = area.crop(x) if area else x
    return _Part(number, entry, cropped, area, weight(entry, x), entry.patches(sigma))


def _by_patches(parts: list[_Part]) -> list[_Part]:
    """Those with equal patches one after the other: to change weights may cost more than a call."""
    order = {patches: n for n, patches in enumerate(dict.fromkeys(one.patches for one in parts))}
    return sorted(parts, key=lambda part: order[part.patches])


def _can_share(one: _Part, other: _Part) -> bool:
    """Whether both can be evaluated in one call of the model."""
    a, b = one.entry, other.entry
    return (
        one.x.shape == other.x.shape
        and one.patches == other.patches
        and a.control is b.control
        and _alike(a.y, b.y)
        and _alike(a.concat, b.concat)
        and _joinable(a.context, b.context)
        and _joinable(a.control_context, b.control_context)
    )


def _alike(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.shape[1:] == other.shape[1:]


def _joinable(one: Tensor | None, other: Tensor | None) -> bool:
    """Whether repeating tokens to a common length is cheaper than another call of the model."""
    if one is None or other is None:
        return one is other
    lengths = one.shape[1], other.shape[1]
    same_width = one.shape[2:] == other.shape[2:]
    return same_width and math.lcm(*lengths) <= _LONGEST_REPEAT * min(lengths)


def _contexts(contexts: Sequence[Tensor], batch: int) -> Tensor:
    """The contexts of one call, float32 [batch * len(contexts), T, D].

    Repeating a whole context does not change attention, so every length is brought to the common
    multiple.
    """
    length = math.lcm(*(context.shape[1] for context in contexts))
    return torch.cat(
        [_repeated(one.repeat(1, length // one.shape[1], 1), batch) for one in contexts]
    )


def _controlled(
    batch: Sequence[_Part], x: Tensor, level: float, y: Tensor | None
) -> Control | None:
    """What the control net that the parts of a call share adds inside the network."""
    shared = batch[0].entry.control
    if shared is None:
        return None
    seen = [
        one.entry.context if one.entry.control_context is None else one.entry.control_context
        for one in batch
    ]
    return shared(x, level, _contexts(seen, batch[0].x.shape[0]), y, len(batch)) or None


def _repeated(tensor: Tensor, batch: int) -> Tensor:
    """`tensor` [b, ...] repeated over its items and then cut to `batch` of them."""
    if tensor.shape[0] == batch:
        return tensor
    times = math.ceil(batch / tensor.shape[0])
    return tensor.repeat(times, *[1] * (tensor.ndim - 1))[:batch]


def _joined(tensors: Sequence[Tensor | None], batch: int) -> Tensor | None:
    """What each part of a call brings, or None where none brings anything."""
    given = [_repeated(tensor, batch) for tensor in tensors if tensor is not None]
    return torch.cat(given) if given else None


def _cropped(part: _Part) -> Tensor | None:
    concat = part.entry.concat
    return concat if concat is None or part.area is None else part.area.crop(concat)

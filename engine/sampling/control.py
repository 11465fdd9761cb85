"""Control nets on prompts: hints, strengths, ranges and chains. Spec section 9.

A `Control` is what a conditioning entry carries, a value; `ControlRun` is the same made live for
one run. The networks are somebody else's: here they are functions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Protocol

import torch
from torch import Tensor

from engine.sampling.entries import Entry
from engine.sampling.inputs import Control
from engine.sampling.model_sampling import ModelSampling
from engine.sampling.ranges import sigma_at
from engine.sampling.resize import center_cropped, resized

_LISTS = ("input", "middle", "output")


class ControlNet(Protocol):
    """A network that looks at a hint and says what to add inside another. Hashable."""

    def __call__(
        self, x: Tensor, hint: Tensor, timestep: Tensor, context: Tensor, y: Tensor | None
    ) -> Control:
        """`x` [B, C, h, w] scaled as for the network itself, `hint` [B, 3, 8h, 8w] in 0..1,
        `timestep` [B], `context` [B, T, D], `y` [B, n] to lists of tensors.
        """
        ...


@dataclass(frozen=True, slots=True)
class ControlLink:
    """A control net as it was put on a prompt.

    Two are equal when they do the same: the same net, hint, strength and range after equal links.

    Attributes:
        net: what is on the CONTROL_NET link.
        hint: pictures [B, H, W, 3] in 0..1.
        hint_digest: stands for `hint` where links are compared.
        strength: what everything it adds is multiplied by.
        start_percent, end_percent: the part of the run in which it acts.
        previous: the link whose additions come first.
    """

    net: ControlNet
    hint: Tensor = field(compare=False, repr=False)
    hint_digest: str
    strength: float
    start_percent: float = 0.0
    end_percent: float = 1.0
    previous: "ControlLink | None" = None

    @classmethod
    def of(
        cls, net: ControlNet, hint: Tensor, strength: float, start: float = 0.0, end: float = 1.0
    ) -> "ControlLink":
        """The link of `net` with `hint` [B, H, W, 3], after no other.

        Raises ValueError for a hint that is no picture in colours.
        """
        if hint.ndim != 4 or hint.shape[-1] < 3:
            raise ValueError(
                f"The picture for the control net has the shape {list(hint.shape)}, and [batch, "
                "height, width, 3] is needed. Convert a mask with Convert Mask to Image."
            )
        data = hint.detach().cpu().contiguous()
        digest = blake2b(repr(tuple(data.shape)).encode() + data.numpy().tobytes(), digest_size=16)
        return cls(net, hint, digest.hexdigest(), strength, start, end)

    def after(self, previous: "ControlLink | None") -> "ControlLink":
        return replace(self, previous=previous)


class ControlRun:
    """A control net during one run. It remembers the hint at the size it was last asked for."""

    def __init__(
        self,
        link: ControlLink,
        previous: "ControlRun | None",
        sampling: ModelSampling,
        device: torch.device,
    ) -> None:
        self._link = link
        self._previous = previous
        self._sampling = sampling
        self._hint = link.hint[..., :3].movedim(-1, 1).to(device, torch.float32)
        self._resized: Tensor | None = None
        self._start = sigma_at(link.start_percent, sampling.levels)
        self._end = sigma_at(link.end_percent, sampling.levels)

    def __call__(
        self, x: Tensor, level: float, context: Tensor, y: Tensor | None, chunks: int
    ) -> Control:
        """What is added inside the network at `x` [B, C, h, w], B being `chunks` equal batches, and
        noise level `level`.
        """
        before: Control = {}
        if self._previous is not None:
            before = self._previous(x, level, context, y, chunks)
        if not self._end <= level <= self._start:
            return before
        sigma = torch.full((x.shape[0],), level, device=x.device)
        found = self._link.net(
            self._sampling.network_input(x, sigma),
            self._batched_hint(x, chunks),
            self._sampling.levels.timestep(sigma),
            context,
            y,
        )
        return {
            name: _sum(before.get(name, ()), self._scaled(found.get(name, ()))) for name in _LISTS
        }

    def _scaled(self, tensors: Sequence[Tensor | None]) -> list[Tensor | None]:
        return [None if one is None else one.float() * self._link.strength for one in tensors]

    def _batched_hint(self, x: Tensor, chunks: int) -> Tensor:
        """The hint for a batch of `chunks` times the same pictures: [B, 3, 8h, 8w], or B = 1."""
        height, width = x.shape[-2] * 8, x.shape[-1] * 8
        if self._resized is None or self._resized.shape[-2:] != (height, width):
            cropped = center_cropped(self._hint, height, width)
            self._resized = resized(cropped, height, width, "nearest-exact")
        hint, each = self._resized, x.shape[0] // chunks
        if hint.shape[0] == 1:
            return hint
        hint = hint[:each]
        return hint.repeat(-(-each // hint.shape[0]), 1, 1, 1)[:each].repeat(chunks, 1, 1, 1)


def _sum(before: Sequence[Tensor | None], own: Sequence[Tensor | None]) -> list[Tensor | None]:
    """The two lists added place by place; the longer one's rest as it is."""
    length = max(len(before), len(own))
    padded = ([*one, *[None] * (length - len(one))] for one in (before, own))
    return [a if b is None else b if a is None else a + b for a, b in zip(*padded, strict=True)]


class ControlRuns:
    """The control nets of one run: equal links share one, so that their prompts share calls."""

    def __init__(self, sampling: ModelSampling, device: torch.device) -> None:
        self._sampling = sampling
        self._device = device
        self._found: dict[ControlLink, ControlRun] = {}

    def run(self, link: ControlLink) -> ControlRun:
        if link not in self._found:
            previous = self.run(link.previous) if link.previous else None
            self._found[link] = ControlRun(link, previous, self._sampling, self._device)
        return self._found[link]


def share_controls(positive: Sequence[Entry], negative: list[Entry]) -> None:
    """Put the controls that positive entries hand on onto the negative entries, in turn.

    Only entries for the whole frame give and take, and only when no such negative entry has a
    control of its own.
    """
    given = [
        one.control for one in positive if one.control and one.control_to_uncond and not one.area
    ]
    whole = [number for number, one in enumerate(negative) if one.area is None]
    if not whole or any(negative[number].control for number in whole):
        return
    for turn, control in enumerate(given):
        place = whole[turn % len(whole)]
        negative[place] = replace(negative[place], control=control)

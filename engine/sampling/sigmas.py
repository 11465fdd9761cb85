"""Cutting and joining lists of sigmas: float32 [n + 1] in, new lists out; nothing is changed."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

# What a run upwards starts from in place of 0, which has no logarithm.
_ALMOST_ZERO = 0.0001

# How far between two sigmas a point is that lies at x of the steps between them, 0..1.
SPACINGS: Mapping[str, Callable[[float], float]] = {
    "linear": lambda x: x,
    "cosine": lambda x: math.sin(x * math.pi / 2),
    "sine": lambda x: 1 - math.cos(x * math.pi / 2),
}


def split(sigmas: Tensor, step: int) -> tuple[Tensor, Tensor]:
    """Before and after `step`; both have the sigma at which they meet."""
    return sigmas[: step + 1], sigmas[step:]


def split_denoise(sigmas: Tensor, denoise: float) -> tuple[Tensor, Tensor]:
    """Before and within the last share `denoise` of the steps; at 0 the first part is empty."""
    last = round(max(len(sigmas) - 1, 0) * denoise)
    return (sigmas[:-last] if last else sigmas[:0]), sigmas[-(last + 1) :]


def flip(sigmas: Tensor) -> Tensor:
    """From the picture to the noise; a 0 to start from becomes nearly 0."""
    flipped = sigmas.flip(0)
    if len(flipped) and flipped[0] == 0:
        return with_first(flipped, _ALMOST_ZERO)
    return flipped


def with_first(sigmas: Tensor, sigma: float) -> Tensor:
    """The list with another first sigma; an empty one stays empty."""
    return torch.cat([sigmas.new_tensor([sigma])[: len(sigmas)], sigmas[1:]])


def with_last(sigmas: Tensor, sigma: float) -> Tensor:
    """The list with another last sigma; an empty one stays empty."""
    return torch.cat([sigmas[:-1], sigmas.new_tensor([sigma])[: len(sigmas)]])


def extend(sigmas: Tensor, steps: int, start: float, end: float, spacing: str) -> Tensor:
    """`steps` steps in the place of each one that begins between the sigmas `start` and `end`.

    A `start` below 0 is none. `spacing` is a key of `SPACINGS`.
    """
    high = math.inf if start < 0 else start
    values: list[float] = []
    for a, b in zip(sigmas.tolist(), sigmas.tolist()[1:], strict=False):
        values.append(a)
        if end <= a <= high:
            inner = (SPACINGS[spacing](j / steps) for j in range(1, steps))
            values += [a + share * (b - a) for share in inner]
    return torch.tensor([*values, *sigmas.tolist()[-1:]], dtype=torch.float32)

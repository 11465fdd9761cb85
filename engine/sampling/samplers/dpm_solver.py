"""DPM-Solver of a given number of looks, and the steps of first to third order that it is made of.

Lu et al. 2022, arXiv 2206.00927. Time is t = -ln sigma and the slope e = (x - D) / sigma, on flow
models too. A run to sigma 0 ends at the last sigma above 0, and so leaves a little noise.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from engine.sampling.samplers.tools import Denoise, State, Tools

# How far into a step of second order, and of third order, the model is looked at again.
HALF, THIRDS = 1 / 2, (1 / 3, 2 / 3)


def dpm_fast(denoise: Denoise, start: State, sigmas: Tensor, tools: Tools) -> Iterator[State]:
    """Third-order steps of one length in t, then one or two of lower order: `fast_steps` in all.

    The reference returns the noise of a run of one step to 0 as it was; this makes the step.
    """
    if only_to_zero(sigmas):
        yield to_zero(denoise, start, sigmas, tools)
        return
    looks, x = len(sigmas) - 1, start.x
    count = fast_steps(looks)
    times = torch.linspace(*times_between(sigmas), count + 1)
    orders = [3] * (count - 2) + [2, 1] if looks % 3 == 0 else [3] * (count - 1) + [looks % 3]
    for i in range(start.step, count):
        t, end = times[i], times[i + 1]
        D, e = look(denoise, x, t)
        tools.report(i, D, x)
        if orders[i] == 1:
            x = first_order(x, e, end, end - t)
        else:
            x, _ = higher_order(denoise, x, e, t, end, orders[i])
        yield State(i + 1, x)


def fast_steps(looks: int) -> int:
    """How many steps `dpm_fast` makes of `looks` looks."""
    return looks // 3 + 1


def only_to_zero(sigmas: Tensor) -> bool:
    """Whether there is no last sigma above 0 to go to."""
    return len(sigmas) == 2 and bool(sigmas[-1] == 0)


def to_zero(denoise: Denoise, start: State, sigmas: Tensor, tools: Tools) -> State:
    """The end of a run of one step to 0."""
    D, _ = denoise(start.x, sigmas[0])
    tools.report(0, D, start.x, 1)
    return State(1, D)


def times_between(sigmas: Tensor) -> tuple[float, float]:
    """The t of the first of `sigmas`, and of the last that is not 0."""
    end = sigmas[-2] if sigmas[-1] == 0 else sigmas[-1]
    return float(-sigmas[0].log()), float(-end.log())


def look(denoise: Denoise, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """(D, e) at `t`."""
    sigma = (-t).exp()
    D, _ = denoise(x, sigma)
    return D, (x - D) / sigma


def first_order(x: Tensor, e: Tensor, end: Tensor, h: Tensor) -> Tensor:
    """`x` at the time `end`, `h` later, along its slope `e`."""
    return x - (-end).exp() * h.expm1() * e


def higher_order(
    denoise: Denoise, x: Tensor, e: Tensor, t: Tensor, end: Tensor, order: int
) -> tuple[Tensor, Tensor]:
    """`x` at `end` after a step of `order` 2 or 3 from `t`, and what one order less makes of it."""
    h = end - t
    r1, r2 = (HALF, HALF) if order == 2 else THIRDS
    first, second = t + r1 * h, t + r2 * h
    _, e1 = look(denoise, first_order(x, e, first, r1 * h), first)
    lowest = first_order(x, e, end, h)
    lower = lowest - (-end).exp() / (2 * r1) * h.expm1() * (e1 - e)
    if order == 2:
        return lower, lowest
    sigma, ahead = (-second).exp(), r2 * h
    u = first_order(x, e, second, ahead)
    u = u - sigma * (r2 / r1) * (ahead.expm1() / ahead - 1) * (e1 - e)
    _, e2 = look(denoise, u, second)
    return lowest - (-end).exp() / r2 * (h.expm1() / h - 1) * (e2 - e), lower

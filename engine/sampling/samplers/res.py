"""RES: a second-order exponential integrator that remembers the prediction of the step before.

Zhang et al. 2023, arXiv 2308.02157, in its multistep form; with ancestral noise where `eta` asks
for it. Of signal plus noise on flow models too, as in the reference.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from engine.sampling.samplers.tools import Denoise, State, Tools, ancestral, steps


def res_multistep(
    denoise: Denoise,
    start: State,
    sigmas: Tensor,
    tools: Tools,
    *,
    eta: float = 0.0,
    s_noise: float = 1.0,
) -> Iterator[State]:
    """The multistep form; deterministic with `eta` 0."""
    x, previous = start.x, start.history[0] if start.history else None
    for i, a, b in steps(sigmas, start.step):
        D, _ = denoise(x, a)
        tools.report(i, D, x)
        down, up = ancestral(a, b, eta)
        if previous is None or down == 0:
            x = x + (x - D) / a * (down - a)
        else:
            h, b1, b2 = _weights(sigmas, i, down, eta)
            x = (-h).exp() * x + h * (b1 * D + b2 * previous)
        x = _noised(x, b, up, s_noise, tools)
        previous = D
        yield State(i + 1, x, (D,))


def res_multistep_cfg_pp(
    denoise: Denoise,
    start: State,
    sigmas: Tensor,
    tools: Tools,
    *,
    eta: float = 0.0,
    s_noise: float = 1.0,
) -> Iterator[State]:
    """The CFG++ form: the polynomial runs through unguided predictions."""
    x, previous = start.x, start.history[0] if start.history else None
    for i, a, b in steps(sigmas, start.step):
        D, U = denoise(x, a)
        tools.report(i, D, x)
        down, up = ancestral(a, b, eta)
        if previous is None or down == 0:
            x = D + (x - U) / a * down
        else:
            h, b1, b2 = _weights(sigmas, i, down, eta)
            x = (-h).exp() * (x + (D - U)) + h * (b1 * U + b2 * previous)
        x = _noised(x, b, up, s_noise, tools)
        previous = U
        yield State(i + 1, x, (U,))


def _weights(sigmas: Tensor, i: int, down: Tensor, eta: float) -> tuple[Tensor, Tensor, Tensor]:
    """(h, b1, b2): the length of step `i`, and what the prediction and the one before it weigh."""
    last_down, _ = ancestral(sigmas[i - 1], sigmas[i], eta)
    t = -sigmas[i].log()
    h = -down.log() - t
    c2 = (-sigmas[i - 1].log() + last_down.log()) / h
    phi1 = (-h).expm1() / -h
    phi2 = (phi1 - 1) / -h
    b1, b2 = torch.nan_to_num(phi1 - phi2 / c2, nan=0.0), torch.nan_to_num(phi2 / c2, nan=0.0)
    return h, b1, b2


def _noised(x: Tensor, b: Tensor, up: Tensor, s_noise: float, tools: Tools) -> Tensor:
    # Drawn also where nothing is added, so that eta does not change which numbers are drawn.
    return x + tools.noise() * (s_noise * up) if b > 0 else x

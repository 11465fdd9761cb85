"""Samplers that look twice in a step, or more: Heun, Heun++, DPM-Solver-2, DPM-Solver++(2S)."""

from collections.abc import Iterator

import torch
from torch import Tensor

from engine.sampling.samplers.tools import (
    Denoise,
    State,
    Tools,
    ancestral,
    ancestral_flow,
    steps,
)


def heun(denoise: Denoise, start: State, sigmas: Tensor, tools: Tools) -> Iterator[State]:
    """Karras et al. 2022, arXiv 2206.00364, algorithm 2 without churn."""
    x = start.x
    for i, a, b in steps(sigmas, start.step):
        D, _ = denoise(x, a)
        tools.report(i, D, x)
        d = (x - D) / a
        if b == 0:
            x = x + d * (b - a)
        else:
            ahead = x + d * (b - a)
            d2 = (ahead - denoise(ahead, b)[0]) / b
            x = x + (d + d2) / 2 * (b - a)
        yield State(i + 1, x)


def heunpp2(denoise: Denoise, start: State, sigmas: Tensor, tools: Tools) -> Iterator[State]:
    """Heun with a third look one sigma further on, where slopes weigh as much as their sigma.

    Found by trial, of no paper: of the first sigma S, b / 3S is the weight of the slope at b, and
    c / 3S that of the slope at c. The last step is Euler's, and the one before it looks twice.
    """
    x = start.x
    for i, a, b in steps(sigmas, start.step):
        D, _ = denoise(x, a)
        tools.report(i, D, x)
        d = (x - D) / a
        if b != sigmas[-1]:
            d = _heunpp2_slope(denoise, x, d, sigmas, i)
        x = x + d * (b - a)
        yield State(i + 1, x)


def _heunpp2_slope(denoise: Denoise, x: Tensor, d: Tensor, sigmas: Tensor, i: int) -> Tensor:
    """The weighted slope of a step that is not the last; `d` is the slope at its start."""
    a, b, c = sigmas[i], sigmas[i + 1], sigmas[i + 2]
    x2 = x + d * (b - a)
    d2 = (x2 - denoise(x2, b)[0]) / b
    if c == sigmas[-1]:
        w2 = b / (2 * sigmas[0])
        return (1 - w2) * d + w2 * d2
    x3 = x2 + d2 * (c - b)
    d3 = (x3 - denoise(x3, c)[0]) / c
    w2, w3 = b / (3 * sigmas[0]), c / (3 * sigmas[0])
    return (1 - w2 - w3) * d + w2 * d2 + w3 * d3


def dpm_2(denoise: Denoise, start: State, sigmas: Tensor, tools: Tools) -> Iterator[State]:
    """DPM-Solver-2 (Lu et al. 2022, arXiv 2206.00927, algorithm 1): slope at the log midpoint."""
    x = start.x
    for i, a, b in steps(sigmas, start.step):
        D, _ = denoise(x, a)
        tools.report(i, D, x)
        x = _midpoint_step(denoise, x, D, a, b)
        yield State(i + 1, x)


def dpm_2_ancestral(
    denoise: Denoise,
    start: State,
    sigmas: Tensor,
    tools: Tools,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
) -> Iterator[State]:
    """DPM-Solver-2 to the lower sigma of an ancestral step, then fresh noise."""
    x = start.x
    for i, a, b in steps(sigmas, start.step):
        D, _ = denoise(x, a)
        tools.report(i, D, x)
        if tools.model.flow:
            down, keep, up = ancestral_flow(a, b, eta)
        else:
            (down, up), keep = ancestral(a, b, eta), torch.ones(())
        x = _midpoint_step(denoise, x, D, a, down)
        if down > 0:
            x = keep * x + tools.noise() * (s_noise * up)
        yield State(i + 1, x)


def _midpoint_step(denoise: Denoise, x: Tensor, D: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """From `a` to `b` along the slope at sqrt(a b); along the slope at `a` when `b` is 0."""
    d = (x - D) / a
    if b == 0:
        return x + d * (b - a)
    middle = _log_middle(a, b)
    x2 = x + d * (middle - a)
    return x + (x2 - denoise(x2, middle)[0]) / middle * (b - a)


def dpmpp_2s_ancestral(
    denoise: Denoise,
    start: State,
    sigmas: Tensor,
    tools: Tools,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
) -> Iterator[State]:
    """DPM-Solver++(2S) (Lu et al. 2022, arXiv 2211.01095, algorithm 1) with ancestral noise."""
    step = _flow_2s if tools.model.flow else _noise_2s
    x = start.x
    for i, a, b in steps(sigmas, start.step):
        D, _ = denoise(x, a)
        tools.report(i, D, x)
        x = step(denoise, x, D, a, b, eta, s_noise, tools)
        yield State(i + 1, x)


def _noise_2s(
    denoise: Denoise,
    x: Tensor,
    D: Tensor,
    a: Tensor,
    b: Tensor,
    eta: float,
    s_noise: float,
    tools: Tools,
) -> Tensor:
    down, up = ancestral(a, b, eta)
    if down == 0:
        x = x + (x - D) / a * (down - a)
    else:
        h = a.log() - down.log()
        middle = (a.log() - h / 2).exp()
        u = middle / a * x - (-h / 2).expm1() * D
        x = down / a * x - (-h).expm1() * denoise(u, middle)[0]
    return x + tools.noise() * (s_noise * up) if b > 0 else x


def _flow_2s(
    denoise: Denoise,
    x: Tensor,
    D: Tensor,
    a: Tensor,
    b: Tensor,
    eta: float,
    s_noise: float,
    tools: Tools,
) -> Tensor:
    if b == 0:
        return x + (x - D) / a * (b - a)
    down, keep, up = ancestral_flow(a, b, eta)
    middle = torch.tensor(0.9999) if a == 1 else _logit_middle(a, down)
    u = middle / a * x + (1 - middle / a) * D
    x = down / a * x + (1 - down / a) * denoise(u, middle)[0]
    return keep * x + tools.noise() * (s_noise * up) if eta > 0 else x


def dpmpp_2s_ancestral_cfg_pp(
    denoise: Denoise,
    start: State,
    sigmas: Tensor,
    tools: Tools,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
) -> Iterator[State]:
    """DPM-Solver++(2S) ancestral in CFG++ form, of signal plus noise on flow models too.

    The second half of a step takes the unguided prediction of its second look, not of the first.
    """
    x = start.x
    for i, a, b in steps(sigmas, start.step):
        D, U = denoise(x, a)
        tools.report(i, D, x)
        down, up = ancestral(a, b, eta)
        if down == 0:
            x = D + (x - U) / a * down
        else:
            h = a.log() - down.log()
            middle = (a.log() - h / 2).exp()
            u = middle / a * (x + (D - U)) - (-h / 2).expm1() * D
            D2, U2 = denoise(u, middle)
            x = down / a * (x + (D - U2)) - (-h).expm1() * D2
        if b > 0:
            x = x + tools.noise() * (s_noise * up)
        yield State(i + 1, x)


def _log_middle(a: Tensor, b: Tensor) -> Tensor:
    return ((a.log() + b.log()) / 2).exp()


def _logit_middle(a: Tensor, b: Tensor) -> Tensor:
    middle = (((1 - a) / a).log() + ((1 - b) / b).log()) / 2
    return 1 / (middle.exp() + 1)

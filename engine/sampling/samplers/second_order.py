"""Samplers that look twice in a step: Heun, DPM-Solver-2, and DPM-Solver++(2S) ancestral."""

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


def _log_middle(a: Tensor, b: Tensor) -> Tensor:
    return ((a.log() + b.log()) / 2).exp()


def _logit_middle(a: Tensor, b: Tensor) -> Tensor:
    middle = (((1 - a) / a).log() + ((1 - b) / b).log()) / 2
    return 1 / (middle.exp() + 1)

"""First-order samplers: Euler, its ancestral and CFG++ forms, gradient estimation, DDPM and LCM."""

from collections.abc import Iterator

from torch import Tensor

from engine.sampling.samplers.tools import (
    Denoise,
    State,
    Tools,
    ancestral,
    ancestral_flow,
    steps,
)


def euler(denoise: Denoise, start: State, sigmas: Tensor, tools: Tools) -> Iterator[State]:
    """Karras et al. 2022, arXiv 2206.00364, algorithm 1 without churn; equals DDIM with eta 0."""
    x = start.x
    for i, a, b in steps(sigmas, start.step):
        D, _ = denoise(x, a)
        tools.report(i, D, x)
        x = x + (x - D) / a * (b - a)
        yield State(i + 1, x)


def euler_ancestral(
    denoise: Denoise,
    start: State,
    sigmas: Tensor,
    tools: Tools,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
) -> Iterator[State]:
    """Euler steps that overshoot and add fresh noise; on flow models the noise keeps the signal's
    share.
    """
    step = _flow_ancestral if tools.model.flow else _noise_ancestral
    x = start.x
    for i, a, b in steps(sigmas, start.step):
        D, _ = denoise(x, a)
        tools.report(i, D, x)
        x = step(x, D, a, b, eta, s_noise, tools)
        yield State(i + 1, x)


def _noise_ancestral(
    x: Tensor, D: Tensor, a: Tensor, b: Tensor, eta: float, s_noise: float, tools: Tools
) -> Tensor:
    down, up = ancestral(a, b, eta)
    if down == 0:
        return D
    return x + (x - D) / a * (down - a) + tools.noise() * (s_noise * up)


def _flow_ancestral(
    x: Tensor, D: Tensor, a: Tensor, b: Tensor, eta: float, s_noise: float, tools: Tools
) -> Tensor:
    if b == 0:
        return D
    down, keep, up = ancestral_flow(a, b, eta)
    x = down / a * x + (1 - down / a) * D
    if eta > 0:
        x = keep * x + tools.noise() * (s_noise * up)
    return x


def euler_cfg_pp(
    denoise: Denoise, start: State, sigmas: Tensor, tools: Tools, *, version: str = "regular"
) -> Iterator[State]:
    """CFG++ (Chung et al. 2024, arXiv 2406.08070): noise goes back along the unguided direction.

    The "alternative" version goes along (x - D) + (U - D), which is away from the prompt twice.
    """
    if version == "alternative":
        return _away_from_both(denoise, start, sigmas, tools)
    return euler_ancestral_cfg_pp(denoise, start, sigmas, tools, eta=0.0, s_noise=0.0)


def _away_from_both(
    denoise: Denoise, start: State, sigmas: Tensor, tools: Tools
) -> Iterator[State]:
    x = start.x
    for i, a, b in steps(sigmas, start.step):
        D, U = denoise(x, a)
        tools.report(i, D, x)
        x = x + (x - D + U - D) / a * (b - a)
        yield State(i + 1, x)


def euler_ancestral_cfg_pp(
    denoise: Denoise,
    start: State,
    sigmas: Tensor,
    tools: Tools,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
) -> Iterator[State]:
    """CFG++ with ancestral noise; the step sizes are those of the signal-scaled sigma / alpha."""
    model, x = tools.model, start.x
    for i, a, b in steps(sigmas, start.step):
        D, U = denoise(x, a)
        tools.report(i, D, x)
        if b == 0:
            x = D
        else:
            alpha_a, alpha_b = model.alpha(a), model.alpha(b)
            d = (x - alpha_a * U) / a
            down, up = ancestral(a / alpha_a, b / alpha_b, eta)
            x = alpha_b * D + alpha_b * down * d
            if eta > 0 and s_noise > 0:
                x = x + alpha_b * tools.noise() * (s_noise * up)
        yield State(i + 1, x)


def gradient_estimation(
    denoise: Denoise, start: State, sigmas: Tensor, tools: Tools, *, ge_gamma: float = 2.0
) -> Iterator[State]:
    """Euler along a slope that is corrected by its change since the last step.

    Permenter & Yuan 2023, arXiv 2306.04848; `ge_gamma` 1 is plain Euler.
    """
    x, previous = start.x, start.history[0] if start.history else None
    for i, a, b in steps(sigmas, start.step):
        D, _ = denoise(x, a)
        tools.report(i, D, x)
        d = (x - D) / a
        x = D if b == 0 else x + d * (b - a) + _correction(d, previous, ge_gamma) * (b - a)
        previous = d
        yield State(i + 1, x, (d,))


def gradient_estimation_cfg_pp(
    denoise: Denoise, start: State, sigmas: Tensor, tools: Tools, *, ge_gamma: float = 2.0
) -> Iterator[State]:
    """Gradient estimation in CFG++ form: the slope is the unguided prediction's."""
    x, previous = start.x, start.history[0] if start.history else None
    for i, a, b in steps(sigmas, start.step):
        D, U = denoise(x, a)
        tools.report(i, D, x)
        d = (x - U) / a
        x = D if b == 0 else D + d * b + _correction(d, previous, ge_gamma) * (b - a)
        previous = d
        yield State(i + 1, x, (d,))


def _correction(d: Tensor, previous: Tensor | None, gamma: float) -> Tensor | float:
    return 0.0 if previous is None else (gamma - 1) * (d - previous)


def ddpm(denoise: Denoise, start: State, sigmas: Tensor, tools: Tools) -> Iterator[State]:
    """Ancestral sampling in the variance-preserving frame: Ho et al. 2020, arXiv 2006.11239,
    algorithm 2.
    """
    x = start.x
    for i, a, b in steps(sigmas, start.step):
        D, _ = denoise(x, a)
        tools.report(i, D, x)
        bar_a, bar_b = 1 / (a**2 + 1), 1 / (b**2 + 1)
        ratio = bar_a / bar_b
        d = (x - D) / a
        x = (x / (1 + a**2).sqrt() - (1 - ratio) * d / (1 - bar_a).sqrt()) / ratio.sqrt()
        if b > 0:
            x = x + tools.noise() * ((1 - ratio) * (1 - bar_b) / (1 - bar_a)).sqrt()
            x = x * (1 + b**2).sqrt()
        yield State(i + 1, x)


def lcm(denoise: Denoise, start: State, sigmas: Tensor, tools: Tools) -> Iterator[State]:
    """Latent consistency sampling (Luo et al. 2023, arXiv 2310.04378): predict, noise again."""
    x = start.x
    for i, a, b in steps(sigmas, start.step):
        D, _ = denoise(x, a)
        tools.report(i, D, x)
        x = tools.model.noise_scaling(b, tools.noise(), D) if b > 0 else D
        yield State(i + 1, x)

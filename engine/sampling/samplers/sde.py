"""The stochastic DPM-Solver++ family: Lu et al. 2022, arXiv 2211.01095.

Noise is that of a Brownian path; `eta` 0 is none.
"""

from collections.abc import Callable, Iterator

from torch import Tensor

from engine.sampling.model_sampling import ModelSampling
from engine.sampling.policy import NoiseProfile
from engine.sampling.samplers.tools import (
    Denoise,
    State,
    Tools,
    ancestral,
    below_pure_noise,
    half_log_snr,
    sigma_at,
    steps,
)

# (from, to) in sigmas to a standard normal draw like the latent.
Moves = Callable[[Tensor, Tensor], Tensor]


def dpmpp_sde(
    denoise: Denoise,
    start: State,
    sigmas: Tensor,
    tools: Tools,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    r: float = 0.5,
    noise_device: str = "cpu",
) -> Iterator[State]:
    """The singlestep form: a second look `r` of the way, each move with its share of the noise.

    Raises ValueError for an `r` of 0.
    """
    if r == 0:
        raise ValueError("DPM++ SDE looks a second time r of a step further: give an r above 0.")
    model, x = tools.model, start.x
    path = tools.brownian(x, sigmas, noise_device) if eta > 0 and s_noise > 0 else None
    sigmas = below_pure_noise(model, sigmas)
    second = 1 / (2 * r)
    for i, a, b in steps(sigmas, start.step):
        D, _ = denoise(x, a)
        tools.report(i, D, x)
        if b == 0:
            x = D
        else:
            lam_a, lam_b = half_log_snr(model, a), half_log_snr(model, b)
            middle = sigma_at(model, lam_a + r * (lam_b - lam_a))
            u = _ancestral_move(model, x, D, a, middle, eta)
            if path is not None:
                u = u + path(a, middle) * (s_noise * _ancestral_noise(model, a, middle, eta))
            D2, _ = denoise(u, middle)
            x = _ancestral_move(model, x, (1 - second) * D + second * D2, a, b, eta)
            if path is not None:
                x = x + path(a, b) * (s_noise * _ancestral_noise(model, a, b, eta))
        yield State(i + 1, x)


def _ancestral_move(
    model: ModelSampling, x: Tensor, D: Tensor, a: Tensor, b: Tensor, eta: float
) -> Tensor:
    """From `a` to the lower end of an ancestral step to `b`, both of signal-scaled sigma."""
    down, _ = ancestral(*_signal_scaled(model, a, b), eta)
    h = -down.log() - half_log_snr(model, a)
    alpha = model.alpha(b)
    return alpha / model.alpha(a) * (-h).exp() * x - alpha * (-h).expm1() * D


def _ancestral_noise(model: ModelSampling, a: Tensor, b: Tensor, eta: float) -> Tensor:
    return model.alpha(b) * ancestral(*_signal_scaled(model, a, b), eta)[1]


def _signal_scaled(model: ModelSampling, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    return (-half_log_snr(model, a)).exp(), (-half_log_snr(model, b)).exp()


def dpmpp_2m_sde(
    denoise: Denoise,
    start: State,
    sigmas: Tensor,
    tools: Tools,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    solver_type: str = "midpoint",
    noise_device: str = "cpu",
) -> Iterator[State]:
    """The multistep form of second order; `solver_type` is "midpoint" or "heun"."""
    model, x = tools.model, start.x
    moves = _moves(x, sigmas, tools, noise_device) if eta > 0 and s_noise > 0 else None
    sigmas = below_pure_noise(model, sigmas)
    lam = half_log_snr(model, sigmas)
    previous = start.history[0] if start.history else None
    for i, a, b in steps(sigmas, start.step):
        D, _ = denoise(x, a)
        tools.report(i, D, x)
        if b == 0:
            x = D
        else:
            h = lam[i + 1] - lam[i]
            H, alpha = h * (1 + eta), model.alpha(b)
            E = -(-H).expm1()
            x = b / a * (-eta * h).exp() * x + alpha * E * D
            if previous is not None:
                r = (lam[i] - lam[i - 1]) / h
                weight = 0.5 * alpha * E if solver_type == "midpoint" else alpha * (E / -H + 1)
                x = x + weight * (1 / r) * (D - previous)
            x = _with_noise(x, moves, a, b, eta * h, s_noise)
        previous = D
        yield State(i + 1, x, (D,))


def dpmpp_3m_sde(
    denoise: Denoise,
    start: State,
    sigmas: Tensor,
    tools: Tools,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    noise_device: str = "cpu",
) -> Iterator[State]:
    """The multistep form of third order."""
    model, x, history = tools.model, start.x, start.history
    moves = _moves(x, sigmas, tools, noise_device) if eta > 0 and s_noise > 0 else None
    sigmas = below_pure_noise(model, sigmas)
    lam = half_log_snr(model, sigmas)
    for i, a, b in steps(sigmas, start.step):
        D, _ = denoise(x, a)
        tools.report(i, D, x)
        if b == 0:
            x = D
        else:
            h = lam[i + 1] - lam[i]
            H, alpha = h * (1 + eta), model.alpha(b)
            phi1 = -(-H).expm1()
            phi2 = 1 - phi1 / H
            phi3 = phi2 / H - 0.5
            x = b / a * (-eta * h).exp() * x + alpha * phi1 * D
            if history:
                d1, d2 = _derivatives(lam, i, D, history)
                x = x + alpha * phi2 * d1
                if d2 is not None:
                    x = x - alpha * phi3 * d2
            x = _with_noise(x, moves, a, b, eta * h, s_noise)
        history = (D, *history)[:2]
        yield State(i + 1, x, history)


def _derivatives(
    lam: Tensor, i: int, D: Tensor, history: tuple[Tensor, ...]
) -> tuple[Tensor, Tensor | None]:
    """The first and second derivative of the prediction over time, in units of step `i`."""
    h = lam[i + 1] - lam[i]
    r0 = (lam[i] - lam[i - 1]) / h
    slope = (D - history[0]) / r0
    if len(history) < 2:
        return slope, None
    r1 = (lam[i - 1] - lam[i - 2]) / h
    bend = (slope - (history[0] - history[1]) / r1) / (r0 + r1)
    return slope + bend * r0, bend


def _moves(x: Tensor, sigmas: Tensor, tools: Tools, noise_device: str) -> Moves:
    if tools.profile is NoiseProfile.DIFFUSERS:
        return lambda *_: tools.noise()
    return tools.brownian(x, sigmas, noise_device)


def _with_noise(
    x: Tensor, moves: Moves | None, a: Tensor, b: Tensor, spread: Tensor, s_noise: float
) -> Tensor:
    if moves is None:
        return x
    # Factor by factor, as the reference rounds it: rather long runs magnify the last bit.
    return x + moves(a, b) * b * (-(-2 * spread).expm1()).sqrt() * s_noise

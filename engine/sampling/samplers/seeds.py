"""SEEDS: exponential solvers of the reverse-time SDE that look twice or three times in a step.

Gonzalez et al. 2023, arXiv 2305.14267; deterministic with `eta` 0.
"""

from collections.abc import Iterator

from torch import Tensor

from engine.sampling.samplers.tools import (
    Denoise,
    State,
    Tools,
    below_pure_noise,
    half_log_snr,
    sigma_at,
    steps,
)


def seeds_2(
    denoise: Denoise,
    start: State,
    sigmas: Tensor,
    tools: Tools,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    r: float = 0.5,
    solver_type: str = "phi_1",
) -> Iterator[State]:
    """Two looks, the second `r` of the way; `solver_type` "phi_1" or "phi_2" says how they weigh.

    With `r` 1 and "phi_2" it is the exponential Heun method. Raises ValueError for an `r` of 0.
    """
    if r == 0:
        raise ValueError("SEEDS-2 looks a second time r of a step further: give an r above 0.")
    model, x = tools.model, start.x
    sigmas = below_pure_noise(model, sigmas)
    for i, a, b in steps(sigmas, start.step):
        D, _ = denoise(x, a)
        tools.report(i, D, x)
        if b == 0:
            x = D
        else:
            lam = half_log_snr(model, a)
            h = half_log_snr(model, b) - lam
            H, path = h * (1 + eta), _StepPath(tools, eta * h, s_noise)
            middle = sigma_at(model, lam + r * h)
            u = _shrunk(x, a, middle, r * eta * h) - model.alpha(middle) * (-r * H).expm1() * D
            D2, _ = denoise(path.noised(u, middle, r), middle)
            whole = (-H).expm1()
            w2 = whole / (2 * r) if solver_type == "phi_1" else _phi_2(-H) / r
            x = _shrunk(x, a, b, eta * h) - model.alpha(b) * ((whole - w2) * D + w2 * D2)
            x = path.noised(x, b, 1.0)
        yield State(i + 1, x)


def seeds_3(
    denoise: Denoise,
    start: State,
    sigmas: Tensor,
    tools: Tools,
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    r_1: float = 1 / 3,
    r_2: float = 2 / 3,
) -> Iterator[State]:
    """Three looks, the others `r_1` and `r_2` of the way."""
    model, x = tools.model, start.x
    sigmas = below_pure_noise(model, sigmas)
    for i, a, b in steps(sigmas, start.step):
        D, _ = denoise(x, a)
        tools.report(i, D, x)
        if b == 0:
            x = D
        else:
            lam = half_log_snr(model, a)
            h = half_log_snr(model, b) - lam
            H, path = h * (1 + eta), _StepPath(tools, eta * h, s_noise)
            m1, m2 = sigma_at(model, lam + r_1 * h), sigma_at(model, lam + r_2 * h)
            u = _shrunk(x, a, m1, r_1 * eta * h) - model.alpha(m1) * (-r_1 * H).expm1() * D
            D2, _ = denoise(path.noised(u, m1, r_1), m1)
            w2 = r_2 / r_1 * _phi_2(-r_2 * H)
            ahead = ((-r_2 * H).expm1() - w2) * D + w2 * D2
            u = _shrunk(x, a, m2, r_2 * eta * h) - model.alpha(m2) * ahead
            D3, _ = denoise(path.noised(u, m2, r_2), m2)
            w3 = _phi_2(-H) / r_2
            ahead = ((-H).expm1() - w3) * D + w3 * D3
            x = path.noised(_shrunk(x, a, b, eta * h) - model.alpha(b) * ahead, b, 1.0)
        yield State(i + 1, x)


def _shrunk(x: Tensor, a: Tensor, b: Tensor, spread: Tensor) -> Tensor:
    """What is left of `x` at `b`, where noise of `spread` takes the rest's place."""
    return b / a * (-spread).exp() * x


def _phi_2(h: Tensor) -> Tensor:
    return (h.expm1() - h) / h


class _StepPath:
    """The noise of one step as it grows on the way: every look sees the same path so far."""

    def __init__(self, tools: Tools, spread: Tensor, s_noise: float) -> None:
        self._draw, self._spread, self._s_noise = tools.noise, spread, s_noise
        self._share = 0.0
        self._noise: Tensor | None = None

    def noised(self, x: Tensor, sigma: Tensor, share: float) -> Tensor:
        """`x` with the noise that is there at `sigma`, `share` of the way from 0 to 1."""
        if self._spread == 0 or self._s_noise == 0:
            return x
        grown = (share - self._share) * self._spread
        # Drawn also where nothing grows, as the reference does.
        fresh = self._draw() * (-(-2 * grown).expm1()).sqrt()
        self._noise = fresh if self._noise is None else self._noise * (-grown).exp() + fresh
        self._share = share
        return x + self._noise * (sigma * self._s_noise)

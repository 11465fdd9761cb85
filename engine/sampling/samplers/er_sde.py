"""ER-SDE: extended reverse-time SDE solvers. Cui et al. 2023, arXiv 2309.06169.

`v` is the signal-scaled sigma; a noise scaler phi(v) says how much noise each of them keeps.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from engine.sampling.samplers.tools import (
    Denoise,
    State,
    Tools,
    below_pure_noise,
    half_log_snr,
    steps,
)

Scaler = Callable[[Tensor], Tensor]

# Points of the sums that stand for the integrals of 1 / phi.
_POINTS = 200


def er_sde(
    denoise: Denoise,
    start: State,
    sigmas: Tensor,
    tools: Tools,
    *,
    solver_type: str = "ER-SDE",
    max_stage: int = 3,
    eta: float = 1.0,
    s_noise: float = 1.0,
) -> Iterator[State]:
    """Orders up to `max_stage` (1 to 3). `solver_type` is "ER-SDE", "Reverse-time SDE", in which
    `eta` says how much noise there is, or "ODE".
    """
    phi = _scaler(solver_type, eta)
    model, x, history = tools.model, start.x, start.history
    sigmas = below_pure_noise(model, sigmas)
    v = (-half_log_snr(model, sigmas)).exp()
    for i, a, b in steps(sigmas, start.step):
        D, _ = denoise(x, a)
        tools.report(i, D, x)
        derivatives = _derivatives(v, i, D, history)
        if b == 0:
            x = D
        else:
            alpha, r = b / v[i + 1], phi(v[i + 1]) / phi(v[i])
            x = alpha / (a / v[i]) * r * x + alpha * (1 - r) * D
            if derivatives:
                weights = _weights(phi, v[i], v[i + 1])
                for weight, derivative in zip(weights, derivatives, strict=False):
                    x = x + alpha * weight * derivative
            if s_noise > 0 and phi is not _no_noise:
                spread = torch.nan_to_num((v[i + 1] ** 2 - v[i] ** 2 * r**2).sqrt(), nan=0.0)
                x = x + tools.noise() * (alpha * s_noise * spread)
        history = (D, *derivatives[:1])[: max_stage - 1]
        yield State(i + 1, x, history)


def _derivatives(v: Tensor, i: int, D: Tensor, history: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The first and second derivative of the prediction over `v`, as far as `history` reaches: the
    prediction before, and its first derivative.
    """
    if not history:
        return ()
    first = (D - history[0]) / (v[i] - v[i - 1])
    if len(history) < 2:
        return (first,)
    return first, (first - history[1]) / ((v[i] - v[i - 2]) / 2)


def _weights(phi: Scaler, here: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
    """What the derivatives weigh in a step; the integrals of 1 / phi are sums."""
    h = there - here
    width = -h / _POINTS
    points = there + torch.arange(_POINTS) * width
    share = 1 / phi(points)
    first = h + share.sum() * width * phi(there)
    second = h**2 / 2 + ((points - here) * share).sum() * width * phi(there)
    return first, second


def _scaler(solver_type: str, eta: float) -> Scaler:
    if solver_type == "ER-SDE":
        return lambda v: v * ((v**0.3).exp() + 10)
    if solver_type == "ODE" or eta == 0:
        return _no_noise
    return lambda v: v ** (eta + 1)


def _no_noise(v: Tensor) -> Tensor:
    return v

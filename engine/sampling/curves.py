"""Lists of sigmas drawn by a formula between two ends, whatever the model.

All are float32, falling, with the 0 at the end that samplers expect, but where it is said.
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor


def karras(steps: int, low: float, high: float, rho: float = 7.0) -> Tensor:
    """Karras et al. 2022, arXiv 2206.00364, eq. 5: [steps + 1]. Raises ValueError for rho 0, and
    for numbers that lead beyond all bounds.
    """
    _positive(rho=rho)
    try:
        top, bottom = high ** (1 / rho), low ** (1 / rho)
    except OverflowError:
        top = bottom = math.inf
    # In float32, and no more exactly: Brownian noise depends on the last bit of a sigma.
    return _ended(((top + torch.linspace(0, 1, steps) * (bottom - top)) ** rho).tolist())


def exponential(steps: int, low: float, high: float) -> Tensor:
    """Evenly in the logarithm: [steps + 1]. Raises ValueError when an end is 0."""
    _positive(sigma_min=low, sigma_max=high)
    # In float32, as `karras` is.
    return _ended(torch.linspace(math.log(high), math.log(low), steps).exp().tolist())


def polyexponential(steps: int, low: float, high: float, rho: float) -> Tensor:
    """The logarithm falls as the power `rho` of what is left: [steps + 1].

    Raises ValueError when an end is 0.
    """
    _positive(sigma_min=low, sigma_max=high)
    bottom, height = math.log(low), math.log(high / low)
    return _ended(math.exp((1 - r) ** rho * height + bottom) for r in ramp(steps))


def laplace(steps: int, low: float, high: float, mu: float, beta: float) -> Tensor:
    """Quantiles of a Laplace distribution of log sigma, without a 0 at the end: [steps].

    Hang et al. 2024, arXiv 2407.03297, table 1.
    """
    values = []
    for r in ramp(steps):
        side = math.copysign(1.0, 0.5 - r) if r != 0.5 else 0.0
        # The small number keeps the ends of the distribution from being infinite.
        quantile = mu - beta * side * math.log(1 - 2 * abs(0.5 - r) + 1e-5)
        values.append(min(max(math.exp(min(quantile, 700.0)), low), high))
    return _finite(values)


def variance_preserving(steps: int, beta_d: float, beta_min: float, eps: float) -> Tensor:
    """The VP diffusion of Song et al. 2021, arXiv 2011.13456: [steps + 1].

    Raises ValueError when the numbers give no finite noise.
    """
    times = [1 + r * (eps - 1) for r in ramp(steps)]
    # Above this the exponential has no float.
    powers = [min(beta_d * t**2 / 2 + beta_min * t, 1400.0) for t in times]
    return _ended(
        math.sqrt(math.expm1(power / 2)) * math.sqrt(math.exp(power / 2) + 1) for power in powers
    )


def ramp(steps: int) -> list[float]:
    """`steps` numbers from 0 to 1; a single one is 0."""
    return [k / max(steps - 1, 1) for k in range(steps)]


def _ended(values: Iterable[float]) -> Tensor:
    return _finite([*values, 0.0])


def _finite(values: list[float]) -> Tensor:
    found = torch.tensor(values, dtype=torch.float32)
    if not bool(found.isfinite().all()):
        raise ValueError(
            "These numbers give noise levels without end. Choose smaller ones, such as the "
            "defaults of this node."
        )
    return found


def _positive(**numbers: float) -> None:
    for name, number in numbers.items():
        if number <= 0:
            raise ValueError(f"{name} is {number:g} and has to be above 0.")

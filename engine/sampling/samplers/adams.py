"""Linear multistep samplers: one look in a step, and a polynomial through the slopes before it.

LMS, iPNDM, iPNDM-v and DEIS differ in what the polynomial runs over and how its weights are found.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from engine.sampling.samplers.tools import Denoise, State, Tools, steps

# (sigmas, number of the step, how many slopes there are) to the weight of each, the newest first:
# x += sum of weight times slope.
Weights = Callable[[Tensor, int, int], Sequence[Tensor | float]]


def _multistep(
    denoise: Denoise, start: State, sigmas: Tensor, tools: Tools, order: int, weights: Weights
) -> Iterator[State]:
    x, slopes = start.x, start.history
    for i, a, b in steps(sigmas, start.step):
        D, _ = denoise(x, a)
        tools.report(i, D, x)
        slopes = ((x - D) / a, *slopes)[:order]
        if b == 0:
            x = D
        else:
            for weight, slope in zip(weights(sigmas, i, len(slopes)), slopes, strict=True):
                x = x + weight * slope
        yield State(i + 1, x, slopes)


def lms(
    denoise: Denoise, start: State, sigmas: Tensor, tools: Tools, *, order: int = 4
) -> Iterator[State]:
    """Linear multistep (Adams-Bashforth on uneven sigmas), coefficients integrated exactly.

    Raises ValueError when a sigma comes twice.
    """
    if len(set(sigmas.tolist())) < len(sigmas):
        raise ValueError("LMS needs sigmas that all differ. Take out those that come twice.")
    return _multistep(denoise, start, sigmas, tools, order, _lms_weights)


def _lms_weights(sigmas: Tensor, i: int, known: int) -> list[float]:
    nodes = [float(sigmas[i - j]) for j in range(known)]
    a, b = float(sigmas[i]), float(sigmas[i + 1])
    return [_lagrange_integral(nodes, j, a, b) for j in range(known)]


def _lagrange_integral(nodes: list[float], j: int, a: float, b: float) -> float:
    """The integral over [a, b] of the polynomial that is 1 at nodes[j] and 0 at the others."""
    # Coefficients in powers of (t - a): exact, and well scaled because every node is near a.
    polynomial = [1.0]
    for k, node in enumerate(nodes):
        if k == j:
            continue
        scale = 1 / (nodes[j] - node)
        shifted = [0.0, *(c * scale for c in polynomial)]
        constant = [c * (a - node) * scale for c in polynomial]
        polynomial = [p + q for p, q in zip(shifted, [*constant, 0.0], strict=True)]
    return sum(c * (b - a) ** (power + 1) / (power + 1) for power, c in enumerate(polynomial))


_ADAMS_BASHFORTH = (
    (1.0,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)


def ipndm(denoise: Denoise, start: State, sigmas: Tensor, tools: Tools) -> Iterator[State]:
    """Improved PNDM (Zhang & Chen 2022, arXiv 2204.13902): Adams-Bashforth as if steps were even.

    The reference reports the first `x` at every step; this reports the current one.
    """
    return _multistep(denoise, start, sigmas, tools, len(_ADAMS_BASHFORTH), _even_weights)


def _even_weights(sigmas: Tensor, i: int, known: int) -> list[Tensor]:
    h = sigmas[i + 1] - sigmas[i]
    return [weight * h for weight in _ADAMS_BASHFORTH[known - 1]]


def ipndm_v(denoise: Denoise, start: State, sigmas: Tensor, tools: Tools) -> Iterator[State]:
    """iPNDM with weights for steps of uneven length, as the reference has them.

    Its third-order term divides by what a derivation of Adams-Bashforth does not give; pictures
    depend on it, so it stays. Reports the current `x`, as `ipndm` does.
    """
    return _multistep(denoise, start, sigmas, tools, 4, _uneven_weights)


def _uneven_weights(sigmas: Tensor, i: int, known: int) -> list[Tensor]:
    h = sigmas[i + 1] - sigmas[i]
    if known == 1:
        return [h]
    k1, *earlier = (sigmas[i - j] - sigmas[i - j - 1] for j in range(known - 1))
    linear = h / (2 * k1)
    if known == 2:
        return [h * (1 + linear), -h * linear]
    k2, *earlier = earlier
    r = k1 / k2
    square = (1 - h**2 / (3 * k1 * (k1 + k2))) / 2
    if known == 3:
        return [h * (1 + linear + square), -h * (linear + (1 + r) * square), h * r * square]
    (k3,) = earlier
    to1, to2 = h + k1, h + k1 + k2
    cube = (1 - h / (3 * to1)) / 2 + (1 - h / (2 * to1)) * h / (6 * to2)
    cube = cube * h * to1 * to2 / (k1 * (k1 + k2) * (k1 + k2 + k3))
    z = k1 * (k1 + k2) / (k2 * (k2 + k3))
    return [
        h * (1 + linear + square + cube),
        -h * (linear + (1 + r) * square + (1 + r + z) * cube),
        h * (r * square + (r + z * (1 + k2 / k3)) * cube),
        -h * z * r * cube,
    ]


# The variance-preserving diffusion that DEIS integrates over, with the rounding that the reference
# computed them with.
_BETA_D, _BETA_MIN = 17.537850650940623, -0.004715818328307364
_POINTS = 10000


def deis(denoise: Denoise, start: State, sigmas: Tensor, tools: Tools) -> Iterator[State]:
    """tAB-DEIS of order 3 (Zhang & Chen 2022, arXiv 2204.13902): a polynomial through slopes over
    the time of a variance-preserving diffusion, whose weights are sums over a fine grid.

    Reports the current `x`, as `ipndm` does.
    """
    return _multistep(denoise, start, sigmas, tools, 3, _deis_weights)


def _deis_weights(sigmas: Tensor, i: int, known: int) -> list[Tensor]:
    if known == 1:
        return [sigmas[i + 1] - sigmas[i]]
    nodes = [_vp_time(sigmas[i - j]) for j in range(known)]
    now, then = nodes[0], _vp_time(sigmas[i + 1])
    u = torch.linspace(float(now), float(then), _POINTS)
    abar = (-_BETA_D * u**2 / 2 - _BETA_MIN * u).exp()
    density = (_BETA_D * u + _BETA_MIN) / 2 / (abar * (1 - abar)).sqrt()
    share = (then - now) / _POINTS
    return [(density * _lagrange(nodes, j, u)).sum() * share for j in range(known)]


def _vp_time(sigma: Tensor) -> Tensor:
    return ((_BETA_MIN**2 + 2 * _BETA_D * (sigma**2 + 1).log()).sqrt() - _BETA_MIN) / _BETA_D


def _lagrange(nodes: Sequence[Tensor], j: int, u: Tensor) -> Tensor:
    """The polynomial that is 1 at nodes[j] and 0 at the others, at every point of `u` [n]."""
    value = torch.ones_like(u)
    for k, node in enumerate(nodes):
        if k != j:
            value = value * (u - node) / (nodes[j] - node)
    return value

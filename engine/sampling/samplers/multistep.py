"""Samplers that remember earlier steps and look once in each: DPM-Solver++(2M), LMS, iPNDM."""

from collections.abc import Iterator

from torch import Tensor

from engine.sampling.samplers.tools import Denoise, State, Tools, steps


def dpmpp_2m(denoise: Denoise, start: State, sigmas: Tensor, tools: Tools) -> Iterator[State]:
    """DPM-Solver++(2M): Lu et al. 2022, arXiv 2211.01095, algorithm 2."""
    t = -sigmas.log()
    x, previous = start.x, start.history[0] if start.history else None
    for i, a, b in steps(sigmas, start.step):
        D, _ = denoise(x, a)
        tools.report(i, D, x)
        h = t[i + 1] - t[i]
        ahead = D
        if previous is not None and b > 0:
            r = (t[i] - t[i - 1]) / h
            ahead = (1 + 1 / (2 * r)) * D - 1 / (2 * r) * previous
        x = b / a * x - (-h).expm1() * ahead
        previous = D
        yield State(i + 1, x, (previous,))


def dpmpp_2m_cfg_pp(
    denoise: Denoise, start: State, sigmas: Tensor, tools: Tools
) -> Iterator[State]:
    """DPM-Solver++(2M) in CFG++ form: the unguided prediction carries the noise."""
    t = -sigmas.log()
    x, previous = start.x, start.history[0] if start.history else None
    for i, a, b in steps(sigmas, start.step):
        D, U = denoise(x, a)
        tools.report(i, D, x)
        h = t[i + 1] - t[i]
        x = D + (-h).exp() * (x - U)
        if previous is not None and b > 0:
            r = (t[i] - t[i - 1]) / h
            x = x - (-h).expm1() / (2 * r) * (D - previous)
        previous = U
        yield State(i + 1, x, (previous,))


def lms(
    denoise: Denoise, start: State, sigmas: Tensor, tools: Tools, *, order: int = 4
) -> Iterator[State]:
    """Linear multistep (Adams-Bashforth on uneven sigmas), coefficients integrated exactly."""
    x, slopes = start.x, start.history
    for i, a, b in steps(sigmas, start.step):
        D, _ = denoise(x, a)
        tools.report(i, D, x)
        slopes = ((x - D) / a, *slopes)[:order]
        if b == 0:
            x = D
        else:
            nodes = [float(sigmas[i - j]) for j in range(len(slopes))]
            for j, slope in enumerate(slopes):
                x = x + slope * _lagrange_integral(nodes, j, float(a), float(b))
        yield State(i + 1, x, slopes)


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
    x, slopes = start.x, start.history
    for i, a, b in steps(sigmas, start.step):
        D, _ = denoise(x, a)
        tools.report(i, D, x)
        slopes = ((x - D) / a, *slopes)[: len(_ADAMS_BASHFORTH)]
        if b == 0:
            x = D
        else:
            for weight, slope in zip(_ADAMS_BASHFORTH[len(slopes) - 1], slopes, strict=True):
                x = x + slope * (weight * (b - a))
        yield State(i + 1, x, slopes)

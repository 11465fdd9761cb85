"""DPM-Solver++(2M) and its CFG++ form: one look in a step, and the prediction before it."""

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

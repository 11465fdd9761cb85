"""SA-Solver: stochastic Adams, a predictor and a corrector of several steps.

Xue et al. 2023, arXiv 2309.05019, in data prediction. `tau` is how much noise a step replaces:
`eta` between two shares of the way, 0 elsewhere.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.sampling.model_sampling import ModelSampling
from engine.sampling.policy import NoiseProfile
from engine.sampling.samplers.tools import (
    Denoise,
    State,
    Tools,
    below_pure_noise,
    half_log_snr,
    steps,
)


def sa_solver(
    denoise: Denoise,
    start: State,
    sigmas: Tensor,
    tools: Tools,
    *,
    eta: float = 1.0,
    sde_start_percent: float = 0.2,
    sde_end_percent: float = 0.8,
    s_noise: float = 1.0,
    predictor_order: int = 3,
    corrector_order: int = 4,
    use_pece: bool = False,
    simple_order_2: bool = False,
) -> Iterator[State]:
    """Looks once in a step, and with `use_pece` again at what it corrected.

    The latents of states and reports are predicted ones; the history is the corrected one, the
    noise of the prediction, and the model's predictions, the newest first. Release 0.3 of the
    reference returns what it corrected last, and so loses the last move of a run that leaves noise;
    the noise profile of that release still does.
    """
    model, last = tools.model, len(sigmas) - 1
    sigmas = below_pure_noise(model, sigmas)
    tau = _tau(model, eta, sde_start_percent, sde_end_percent)
    adams = _Adams(model, sigmas, half_log_snr(model, sigmas), simple_order_2)
    ahead, zero = start.x, torch.zeros_like(start.x)
    x, noise, *known = start.history or (ahead, zero)
    for i, a, b in steps(sigmas, start.step):
        D, _ = denoise(ahead, a)
        tools.report(i, D, ahead)
        known = [D, *known][: max(predictor_order, corrector_order)]
        left = last - i if sigmas[-1] == 0 else len(sigmas)
        back = min(corrector_order, len(known), left)
        if i == 0 or back == 0 or (b == 0 and not use_pece):
            x = ahead
        else:
            x = adams.moved(x, known[:back], i, i - 1, tau(a)) + noise
            if use_pece:
                known[0] = denoise(x, a)[0]
        if b == 0:
            x = ahead = known[0]
        else:
            ahead = adams.moved(x, known[: min(predictor_order, left - 1)], i, i, tau(b))
            noise = tools.noise() * adams.spread(i, tau(b)) * s_noise if tau(b) > 0 else zero
            ahead = ahead + noise
        lost = i + 1 == last and tools.profile is NoiseProfile.V0_3
        yield State(i + 1, x if lost else ahead, (x, noise, *known))


def _tau(
    model: ModelSampling, eta: float, start_percent: float, end_percent: float
) -> Callable[[Tensor], float]:
    high = model.levels.percent_to_sigma(start_percent)
    low = model.levels.percent_to_sigma(end_percent)
    return lambda sigma: eta if low <= sigma <= high else 0.0


@dataclass(frozen=True, slots=True)
class _Adams:
    """Exact moves along polynomials through predictions over `lam`, half the log of the
    signal-to-noise ratio at each of `sigmas`.
    """

    model: ModelSampling
    sigmas: Tensor
    lam: Tensor
    simple_order_2: bool

    def moved(self, x: Tensor, known: list[Tensor], newest: int, step: int, tau: float) -> Tensor:
        """`x` after `step`, without its noise. `known` are the predictions at sigmas[newest] and
        before.
        """
        h = self.lam[step + 1] - self.lam[step]
        x = self.sigmas[step + 1] / self.sigmas[step] * (-(tau**2) * h).exp() * x
        alpha = self.model.alpha(self.sigmas[step + 1])
        nodes = self.lam[newest - len(known) + 1 : newest + 1]
        for weight, D in zip(self._weights(nodes, step, tau).flip(0), known, strict=True):
            x = x + alpha * weight * D
        return x

    def spread(self, step: int, tau: float) -> Tensor:
        """How much noise `step` adds."""
        h = self.lam[step + 1] - self.lam[step]
        return self.sigmas[step + 1] * (-(-2 * tau**2 * h).expm1()).sqrt()

    def _weights(self, nodes: Tensor, step: int, tau: float) -> Tensor:
        """What the predictions at `nodes` [n], the oldest first, weigh in `step`: [n]."""
        start, end = self.lam[step], self.lam[step + 1]
        h, growth = end - start, 1 + tau**2
        if self.simple_order_2 and len(nodes) == 2:
            whole = -(-growth * h).expm1()
            if nodes[1] == end:
                older = whole - growth * h / 2
            else:
                older = growth * h**2 / 2 / (nodes[0] - start)
            return torch.stack([older, whole - older])
        # In float32 and in this order: higher orders lose half of their digits here, and the
        # reference's pictures are made with what is left.
        powers = torch.arange(len(nodes))
        moments = _moments(start, end, growth, powers)
        weights: Tensor = torch.linalg.solve(nodes ** powers[:, None], moments)
        return weights


def _moments(start: Tensor, end: Tensor, growth: float, powers: Tensor) -> Tensor:
    """The weighted integrals of 1, lam, lam^2, ... from `start` to `end`, by parts: [n]."""
    left = (-growth * (end - start)).exp()
    moments, last = [], torch.zeros(())
    for p in powers.tolist():
        last = end**p - start**p * left - p / growth * last
        moments.append(last)
    return torch.stack(moments)

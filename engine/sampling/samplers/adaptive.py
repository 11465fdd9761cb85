"""DPM-Solver that chooses the length of its steps by their error.

Lu et al. 2022, arXiv 2206.00927, with the step control of k-diffusion: a PID controller (Söderlind
2003, "Digital filters in adaptive time-stepping").
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.sampling.samplers.dpm_solver import (
    higher_order,
    look,
    only_to_zero,
    times_between,
    to_zero,
)
from engine.sampling.samplers.tools import Denoise, State, Tools, ancestral

# A run is over this close to its end, in t.
_CLOSE = 1e-5
# So many attempts without one that is accepted will not lead to one.
_IN_VAIN = 100


def dpm_adaptive(
    denoise: Denoise,
    start: State,
    sigmas: Tensor,
    tools: Tools,
    *,
    order: int = 3,
    rtol: float = 0.05,
    atol: float = 0.0078,
    h_init: float = 0.05,
    pcoeff: float = 0.0,
    icoeff: float = 1.0,
    dcoeff: float = 0.0,
    accept_safety: float = 0.81,
    eta: float = 0.0,
    s_noise: float = 1.0,
) -> Iterator[State]:
    """Steps of `order` 2 or 3, as long as their difference to one order less lets them be.

    `sigmas` say where to begin and end, and no more. A step is an attempt, accepted or not; their
    total is guessed from how far they have come. The error is that of the whole batch. The
    reference returns the noise of a run of one step to 0 as it was; this makes the step.

    Raises ValueError for tolerances that steps do not come to, and where a prediction is not a
    number.
    """
    if only_to_zero(sigmas):
        yield to_zero(denoise, start, sigmas, tools)
        return
    begin, end = times_between(sigmas)
    ahead = math.copysign(1.0, end - begin)
    if h_init <= 0 or max(rtol, atol) <= 0:
        raise ValueError("DPM adaptive needs an h_init and a tolerance (rtol or atol) above 0.")
    if eta > 0 and ahead < 0:
        raise ValueError("DPM adaptive adds noise only where sigmas fall: set eta to 0.")
    control = _Control(1.5 if eta > 0 else order, pcoeff, icoeff, dcoeff, accept_safety)
    at = _At(*start.numbers) if start.numbers else _At(begin, ahead * h_init)
    x, previous, i = start.x, start.history[0] if start.history else start.x, start.step
    while not at.close_to(end):
        t = torch.tensor(at.t)
        target = (t + at.h).clamp(max=end) if ahead > 0 else (t + at.h).clamp(min=end)
        aim, up = _ancestral_aim(t, target, end, eta)
        D, e = look(denoise, x, t)
        high, low = higher_order(denoise, x, e, t, aim, order)
        tolerance = (rtol * torch.maximum(low.abs(), previous.abs())).clamp(min=atol)
        accepted, at = control.judged(at, _error(low, high, tolerance), float(target))
        tools.report(i, D, x, _expected(i + 1, at, begin, end, len(sigmas) - 1))
        i += 1
        if accepted:
            x, previous = high, low
            if eta > 0:
                x = x + tools.noise() * (up * s_noise)
        yield State(i, x, (previous,), (at.t, at.h, at.rejected, at.last, at.before))


@dataclass(frozen=True, slots=True)
class _At:
    """Where a run is: its time, the next step's length, how many attempts have been rejected since
    the last that was accepted, and how well the last two that were accepted fitted.
    """

    t: float
    h: float
    rejected: float = 0
    last: float = 0
    before: float = 0

    def close_to(self, end: float) -> bool:
        """Whether the run is over."""
        return (end - self.t) * math.copysign(1.0, self.h) <= _CLOSE


@dataclass(frozen=True, slots=True)
class _Control:
    order: float
    p: float
    i: float
    d: float
    safety: float

    def judged(self, at: _At, error: float, target: float) -> tuple[bool, _At]:
        """Whether a step from `at` to the time `target` is accepted, and where the run is then."""
        fit = 1 / (error + 1e-8)
        last, before = (at.last, at.before) if at.last else (fit, fit)
        factor = (
            fit ** ((self.p + self.i + self.d) / self.order)
            * last ** (-(self.p + 2 * self.d) / self.order)
            * before ** (self.d / self.order)
        )
        factor = 1 + math.atan(factor - 1)
        if factor >= self.safety:
            return True, _At(target, at.h * factor, 0, fit, last)
        if at.rejected == _IN_VAIN:
            raise ValueError(
                f"DPM adaptive tried {_IN_VAIN} lengths of a step, and none was exact enough. Give "
                "larger tolerances, or an accept_safety of at most 1."
            )
        return False, _At(at.t, at.h * factor, at.rejected + 1, last, before)


def _error(low: Tensor, high: Tensor, tolerance: Tensor) -> float:
    """The root mean square of the difference, in units of what is tolerated."""
    norm: Tensor = ((low - high) / tolerance).norm()
    error = float(norm) / math.sqrt(low.numel())
    if not math.isfinite(error):
        raise ValueError(
            "DPM adaptive cannot tell how exact its steps are: the model's prediction is not a "
            "number. Check the model, its LoRAs and the conditioning."
        )
    return error


def _ancestral_aim(t: Tensor, target: Tensor, end: float, eta: float) -> tuple[Tensor, Tensor]:
    """The time to go to without noise, and the noise to add there to be at `target`."""
    if eta == 0:
        return target, torch.zeros(())
    sigma = (-target).exp()
    down, _ = ancestral((-t).exp(), sigma, eta)
    aim = (-down.log()).clamp(max=end)
    return aim, (sigma**2 - (-aim).exp() ** 2).sqrt()


def _expected(done: int, at: _At, begin: float, end: float, guess: int) -> int:
    """How many steps there will be, going by how far the first `done` have come."""
    share = (at.t - begin) / (end - begin)
    if at.close_to(end):
        return done
    return max(done + 1, round(done / share) if share > 0 else guess)

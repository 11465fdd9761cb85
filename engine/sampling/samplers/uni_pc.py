"""UniPC: a predictor and a corrector that share the model's looks, one in a step.

Zhao et al. 2023, arXiv 2302.04867, of third order and in data prediction; of signal plus noise on
flow models too, as in the reference.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.sampling.samplers.tools import Denoise, State, Tools, steps

# Where a run to sigma 0 ends: there the logarithm of the signal-to-noise ratio is still finite.
_END = 0.001
_ORDER = 3


def uni_pc(
    denoise: Denoise, start: State, sigmas: Tensor, tools: Tools, *, variant: str = "bh1"
) -> Iterator[State]:
    """`variant` is the paper's B(h): "bh1" is h, "bh2" e^h - 1.

    A run to sigma 0 ends at 0.001, and is scaled back as from there. States between are in the
    variance-preserving frame. The reference returns the noise of a run of one step as it was, and
    writes 0.001 into the caller's sigmas; this makes the step, and leaves them alone.
    """
    to_zero = sigmas[-1] == 0
    if to_zero:
        sigmas = torch.cat([sigmas[:-1], sigmas.new_tensor([_END])])
    frame, last = _Frame.of(sigmas), len(sigmas) - 1
    z, history = start.x, start.history
    if start.step == 0:
        z = z / (1 + sigmas[0] ** 2).sqrt()
    for k, a, _ in steps(sigmas, start.step):
        order = min(k, _ORDER, last - 1, last + 1 - k)
        update = _Update(frame, k, order, variant, z, history) if order > 0 else None
        x = (update.predicted() if update else z) * (1 + a**2).sqrt()
        D, _ = denoise(x, a)
        tools.report(k, D, x)
        if update:
            z = update.corrected(D)
        history = (D, *history)[:_ORDER]
        if k + 1 == last:
            z = _Update(frame, last, 1, variant, z, history).predicted() / frame.alpha[last]
            if to_zero:
                z = tools.model.inverse_noise_scaling(sigmas[last], z)
        yield State(k + 1, z, history)


@dataclass(frozen=True, slots=True)
class _Frame:
    """The sigmas of a run as shares of signal and noise, and half the log of their ratio."""

    alpha: Tensor
    noise: Tensor
    lam: Tensor

    @classmethod
    def of(cls, sigmas: Tensor) -> "_Frame":
        alpha = 1 / (1 + sigmas**2).sqrt()
        noise = (1 - alpha**2).sqrt()
        return cls(alpha, noise, alpha.log() - noise.log())


class _Update:
    """One move to sigma number `k` from the one before, where `history` has the last predictions,
    the newest first.
    """

    def __init__(
        self,
        frame: _Frame,
        k: int,
        order: int,
        variant: str,
        z: Tensor,
        history: tuple[Tensor, ...],
    ) -> None:
        h = frame.lam[k] - frame.lam[k - 1]
        r = [(frame.lam[k - 1 - j] - frame.lam[k - 1]) / h for j in range(1, order)]
        grown = (-h).expm1()
        B = -h if variant == "bh1" else grown
        self._order, self._last = order, history[0]
        self._slopes = [(M - self._last) / r_j for M, r_j in zip(history[1:order], r, strict=True)]
        self._base = frame.noise[k] / frame.noise[k - 1] * z - frame.alpha[k] * grown * self._last
        self._scale = frame.alpha[k] * B
        self._matrix, self._target = _system(r, -h, B)

    def predicted(self) -> Tensor:
        """From the predictions before alone."""
        if self._order <= 2:
            return self._moved([0.5] * (self._order - 1), self._slopes)
        weights = torch.linalg.solve(self._matrix[:-1, :-1], self._target[:-1])
        return self._moved(weights, self._slopes)

    def corrected(self, D: Tensor) -> Tensor:
        """With the prediction `D` made from `predicted()`."""
        weights = [0.5] if self._order == 1 else torch.linalg.solve(self._matrix, self._target)
        return self._moved(weights, [*self._slopes, D - self._last])

    def _moved(self, weights: Iterable[Tensor | float], slopes: Sequence[Tensor]) -> Tensor:
        z = self._base
        for weight, slope in zip(weights, slopes, strict=True):
            z = z - self._scale * weight * slope
        return z


def _system(r: Sequence[Tensor], w: Tensor, B: Tensor) -> tuple[Tensor, Tensor]:
    """The equations R rho = b whose solution weighs the slopes: [n, n] and [n]."""
    places = torch.stack([*r, torch.ones(())])
    rows, target, g = [], [], w.expm1() / w - 1
    for i in range(len(places)):
        rows.append(places**i)
        target.append(g * math.factorial(i + 1) / B)
        g = g / w - 1 / math.factorial(i + 2)
    return torch.stack(rows), torch.stack(target)

"""Schedulers: how many steps become a list of sigmas, from noise (first) to picture (0, last).

Adding one is a function of (levels, n) and a line in `_SCHEDULERS`. What a sampler does between two
sigmas is in `samplers/`.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from engine.sampling import curves
from engine.sampling.beta import beta_ppf
from engine.sampling.levels import Levels
from engine.sampling.sigmas import with_last

Scheduler = Callable[[Levels, int], Sequence[float] | Tensor]

# A last sigma below this is as good as the 0 that every list ends with.
_ALREADY_ZERO = 1e-5


def scheduler_sigmas(levels: Levels, scheduler: str, steps: int) -> Tensor:
    """The sigmas of `steps` steps: float32 [steps + 1] as a rule, falling, the last one 0.

    Raises ValueError for an unknown `scheduler` and for less than one step.
    """
    if steps < 1:
        raise ValueError(f"{steps} steps are none: ask for at least 1.")
    if scheduler not in _SCHEDULERS:
        raise ValueError(
            f'There is no scheduler called "{scheduler}". Choose one of: {", ".join(SCHEDULERS)}.'
        )
    return torch.as_tensor(_SCHEDULERS[scheduler](levels, steps), dtype=torch.float32)


def ksampler_sigmas(
    levels: Levels,
    scheduler: str,
    steps: int,
    *,
    denoise: float = 1.0,
    discard_penultimate: bool = False,
) -> Tensor:
    """The list a KSampler node runs: `denoise` < 1 keeps the last `steps` of a longer schedule.

    `discard_penultimate` is for samplers that evaluate between sigmas: one sigma more is computed
    and the last but one dropped. Empty when `denoise` <= 0.
    """
    if denoise <= 0:
        return torch.empty(0)
    # 0.9999: the UI's spinner never lands on 1 exactly.
    whole = denoise > 0.9999
    total = steps if whole else int(steps / denoise)
    if discard_penultimate:
        sigmas = scheduler_sigmas(levels, scheduler, total + 1)
        sigmas = torch.cat([sigmas[:-2], sigmas[-1:]])
    else:
        sigmas = scheduler_sigmas(levels, scheduler, total)
    return sigmas if whole else sigmas[-(steps + 1) :]


def basic_sigmas(levels: Levels, scheduler: str, steps: int, denoise: float = 1.0) -> Tensor:
    """The list that BasicScheduler gives: the last `steps` of a schedule that `denoise` lengthens.

    Unlike a KSampler's it never has more than `steps` + 1 sigmas, and no sampler has a say in it.
    """
    if denoise <= 0:
        return torch.empty(0)
    total = int(steps / denoise) if denoise < 1 else steps
    return scheduler_sigmas(levels, scheduler, total)[-(steps + 1) :]


def beta_sigmas(levels: Levels, steps: int, alpha: float, beta_: float) -> Tensor:
    """The "beta" scheduler with numbers of one's own. Raises ValueError unless both are above 0."""
    return torch.tensor(beta(levels, steps, alpha, beta_), dtype=torch.float32)


def turbo_sigmas(levels: Levels, steps: int, denoise: float) -> Tensor:
    """Of the timesteps 999, 899, ... 99 those that `denoise` leaves, `steps` at most; then 0."""
    first = 10 - int(10 * denoise)
    times = [float(1000 - 100 * k - 1) for k in range(10)][first : first + steps]
    return torch.cat([levels.sigma(torch.tensor(times)), torch.zeros(1)])


def cut_steps(
    sigmas: Tensor,
    start: int | None = None,
    end: int | None = None,
    *,
    full_denoise: bool = False,
) -> Tensor:
    """The part of `sigmas` between two steps, as KSamplerAdvanced asks for it.

    `full_denoise` makes a list that stops early end in 0. Empty when `start` is at or past the end.
    """
    if end is not None and end < len(sigmas) - 1:
        sigmas = sigmas[: end + 1]
        if full_denoise:
            sigmas = with_last(sigmas, 0.0)
    if start is not None:
        sigmas = sigmas[start:] if start < len(sigmas) - 1 else sigmas[:0]
    return sigmas


def simple(levels: Levels, n: int) -> list[float]:
    table = levels.table.tolist()
    return [*(table[-1 - int(k * len(table) / n)] for k in range(n)), 0.0]


def sgm_uniform(levels: Levels, n: int) -> list[float]:
    return [*_evenly_timed(levels, n + 1)[:-1], 0.0]


def normal(levels: Levels, n: int) -> list[float]:
    sigmas = _evenly_timed(levels, n)
    if abs(_evenly_timed(levels, 2)[-1]) <= _ALREADY_ZERO:
        return _evenly_timed(levels, n + 1)
    return [*sigmas, 0.0]


def _evenly_timed(levels: Levels, points: int) -> list[float]:
    """Sigmas of `points` timesteps spread evenly from the table's end to its start."""
    ends = levels.timestep(levels.table[[-1, 0]])
    times = torch.linspace(float(ends[0]), float(ends[1]), points)
    return list(levels.sigma(times).tolist())


def karras(levels: Levels, n: int) -> Tensor:
    return curves.karras(n, _end(levels, 0), _end(levels, -1))


def exponential(levels: Levels, n: int) -> Tensor:
    return curves.exponential(n, _end(levels, 0), _end(levels, -1))


def ddim_uniform(levels: Levels, n: int) -> list[float]:
    """Every `stride`-th table entry. The length is not n + 1 in general: kept for parity."""
    table = levels.table.tolist()
    has_zero = abs(table[1]) <= _ALREADY_ZERO
    stride = max(len(table) // (n + 1 if has_zero else n), 1)
    picked = table[1::stride][::-1]
    return picked if has_zero else [*picked, 0.0]


def beta(levels: Levels, n: int, alpha: float = 0.6, beta: float = 0.6) -> list[float]:
    """Timesteps at quantiles of a Beta distribution (arXiv 2407.12173); repeated entries are
    dropped. Raises ValueError unless both numbers are above 0.
    """
    if alpha <= 0 or beta <= 0:
        raise ValueError(f"alpha {alpha:g} and beta {beta:g} both have to be above 0.")
    table = levels.table.tolist()
    last = len(table) - 1
    picked = [round(beta_ppf(1 - k / n, alpha, beta) * last) for k in range(n)]
    return [*(table[index] for index in dict.fromkeys(picked)), 0.0]


def linear_quadratic(levels: Levels, n: int) -> Tensor:
    """A linear half down to `threshold` noise removed, then quadratic (Mochi, Genmo 2024)."""
    if n == 1:
        return torch.tensor([_end(levels, -1), 0.0])
    threshold = 0.025
    linear, quadratic = n // 2, n - n // 2
    gap = linear - threshold * n
    c2 = gap / (linear * quadratic**2)
    c1 = threshold / linear - 2 * gap / quadratic**2
    c0 = c2 * linear**2
    removed = [i * threshold / linear for i in range(linear)]
    removed += [c2 * i**2 + c1 * i + c0 for i in range(linear, n)]
    return torch.tensor([1 - share for share in [*removed, 1.0]]) * _end(levels, -1)


def kl_optimal(levels: Levels, n: int) -> list[float]:
    """Sabour et al. 2024, arXiv 2404.14507, eq. 3.12. One step goes from sigma_max to 0."""
    if n == 1:
        return [_end(levels, -1), 0.0]
    # In float32, as everywhere: near a zero-terminal-SNR sigma_max the tangent shows it.
    ends = levels.table[[0, -1]].atan()
    ramp = torch.tensor(curves.ramp(n))
    return [*(ramp * ends[0] + (1 - ramp) * ends[1]).tan().tolist(), 0.0]


def _end(levels: Levels, index: int) -> float:
    return float(levels.table[index])


_SCHEDULERS: Mapping[str, Scheduler] = {
    "simple": simple,
    "sgm_uniform": sgm_uniform,
    "karras": karras,
    "exponential": exponential,
    "ddim_uniform": ddim_uniform,
    "beta": beta,
    "normal": normal,
    "linear_quadratic": linear_quadratic,
    "kl_optimal": kl_optimal,
}

SCHEDULERS: tuple[str, ...] = tuple(_SCHEDULERS)

"""What flows along GUIDER links: which prompts a model is sampled with, and how they are weighed.

A guider is a value. `denoiser` makes of it what a sampler calls, for one run of the live model.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from engine.sampling.conditioning import prepare
from engine.sampling.entries import Entry
from engine.sampling.evaluation import Evaluator
from engine.sampling.facts import RunFacts
from engine.sampling.guidance import Guided, after_cfg, guide, moment_of, needs_uncond
from engine.sampling.hooks import Groups
from engine.sampling.model import DiffusionModel
from engine.sampling.samplers.tools import Denoise

# A CONDITIONING value: a list of [tensor, dict].
Prompt = Sequence[Any]


class Guider(Protocol):
    """What SamplerCustomAdvanced takes."""

    @property
    def model(self) -> Any:
        """What is on the MODEL link: a handle, or a `DiffusionModel`."""
        ...

    def denoiser(self, model: DiffusionModel, facts: RunFacts) -> Denoise:
        """The guided `model`, which is `self.model` made live, for the run of `facts`.

        Raises ValueError for prompts that the model cannot be sampled with.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class CfgGuider:
    """One positive and one negative prompt; without a negative one, only the positive."""

    model: Any
    positive: Prompt
    negative: Prompt | None
    cfg: float

    def denoiser(self, model: DiffusionModel, facts: RunFacts) -> Denoise:
        named = {"positive": self.positive}
        if self.negative is not None:
            named["negative"] = self.negative
        groups = prepare(named, model, facts)
        return Guided(Evaluator(model, facts), groups["positive"], groups.get("negative"), self.cfg)


@dataclass(frozen=True, slots=True, eq=False)
class DualCfgGuider:
    """Two prompts and a negative one: `cfg_conds` scales what the first adds to the second,
    `cfg_negative` what the second adds to the negative.

    "nested" guides with the first before the whole is guided away from the negative.
    """

    model: Any
    first: Prompt
    second: Prompt
    negative: Prompt
    cfg_conds: float
    cfg_negative: float
    style: Literal["regular", "nested"] = "regular"

    def denoiser(self, model: DiffusionModel, facts: RunFacts) -> Denoise:
        named = {"negative": self.negative, "middle": self.second, "positive": self.first}
        groups = prepare(named, model, facts)
        ready = (groups["negative"], groups["middle"], groups["positive"])
        return _Dual(Evaluator(model, facts), ready, self)


@dataclass(frozen=True, slots=True, eq=False)
class _Dual:
    evaluate: Evaluator
    groups: tuple[tuple[Entry, ...], ...]
    guider: DualCfgGuider

    def __call__(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        conds, whole = self.guider.cfg_conds, self.guider.cfg_negative
        nested = self.guider.style == "nested"
        negative, middle, positive = self._evaluated()
        N, M, P = self.evaluate((negative, middle, positive), x, sigma)
        if nested:
            moment = moment_of(self.evaluate, x, sigma, conds, (positive, middle))
            return N + whole * (guide((P, M), moment) - N), M
        moment = moment_of(self.evaluate, x, sigma, whole, (middle, negative))
        return guide((M, N), moment) + (P - M) * conds, N

    def _evaluated(self) -> Groups:
        """The groups, None in place of those whose predictions would cancel out."""
        negative, middle, positive = self.groups
        keep = self.guider.style == "nested" or needs_uncond(self.evaluate)
        if keep or not math.isclose(self.guider.cfg_negative, 1.0):
            return negative, middle, positive
        return None, None if math.isclose(self.guider.cfg_conds, 1.0) else middle, positive


@dataclass(frozen=True, slots=True, eq=False)
class PerpNegGuider:
    """Guidance from the empty prompt, along the positive and away from what in the negative is not
    in the positive (Armandpour et al. 2023, arXiv 2304.04968).
    """

    model: Any
    positive: Prompt
    negative: Prompt
    empty: Prompt
    cfg: float
    neg_scale: float

    def denoiser(self, model: DiffusionModel, facts: RunFacts) -> Denoise:
        named = {"positive": self.positive, "negative": self.negative, "empty": self.empty}
        groups = prepare(named, model, facts)
        ready = (groups["positive"], groups["negative"], groups["empty"])
        return _PerpNeg(Evaluator(model, facts), ready, self)


@dataclass(frozen=True, slots=True, eq=False)
class _PerpNeg:
    evaluate: Evaluator
    groups: tuple[tuple[Entry, ...], ...]
    guider: PerpNegGuider

    def __call__(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        positive, negative, empty = self.groups
        scale, cfg = self.guider.neg_scale, self.guider.cfg
        without = math.isclose(scale, 0.0) and not needs_uncond(self.evaluate)
        plain = without and math.isclose(cfg, 1.0)
        groups: Groups = (positive, None if without else negative, None if plain else empty)
        P, N, E = self.evaluate(groups, x, sigma)
        guided = perp_neg(P, N, E, cfg, scale)
        moment = moment_of(self.evaluate, x, sigma, cfg, groups)
        return after_cfg(guided, (P, N, E), moment), N


def perp_neg(P: Tensor, N: Tensor, E: Tensor, cfg: float, neg_scale: float) -> Tensor:
    """From the empty prompt's prediction E along the positive one P, and away from the part of the
    negative one N that is perpendicular to it, all numbers of the batch taken as one vector.
    """
    p, n = P - E, N - E
    # Where the positive prompt is the empty one, no part of anything is along it.
    length = (p**2).sum().clamp(min=torch.finfo(p.dtype).tiny)
    perpendicular = n - (n * p).sum() / length * p
    return E + cfg * (p - neg_scale * perpendicular)

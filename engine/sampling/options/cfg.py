"""Other ways of weighing the positive against the negative prediction.

C and U are the positive and the negative clean prediction, r the guided one, x the noisy latent.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from engine.sampling.hooks import Hooks, Moment, Predictions
from engine.sampling.model import DiffusionModel

_TINY = 1e-8


@dataclass(frozen=True, slots=True)
class RescaleCfg:
    """Guidance on velocities, brought back towards the spread of the positive prediction (Lin et
    al. 2023, arXiv 2305.08891, equations 14 to 16).
    """

    multiplier: float

    def apply(self, model: DiffusionModel) -> DiffusionModel:
        return model.with_hooks(Hooks(cfg=self))

    def __call__(self, C: Tensor, U: Tensor, moment: Moment) -> Tensor:
        x, s = moment.x, moment.s
        root = (s**2 + 1).sqrt()
        skip = x / root**2
        vC, vU = ((skip - one) * root / s for one in (C, U))
        w = vU + moment.cfg * (vC - vU)
        scaled = w * (_spread(vC) / _spread(w))
        w = self.multiplier * scaled + (1 - self.multiplier) * w
        return skip - w * s / root


def _spread(x: Tensor) -> Tensor:
    return x.std(dim=(1, 2, 3), keepdim=True)


@dataclass(frozen=True, slots=True)
class CfgZeroStar:
    """CFG-Zero*: the negative prediction scaled to fit the positive one best (Fan et al. 2025,
    arXiv 2503.18886, equation 7).
    """

    def apply(self, model: DiffusionModel) -> DiffusionModel:
        return model.with_hooks(Hooks(post_cfg=(self,)))

    def __call__(self, r: Tensor, predictions: Predictions, moment: Moment) -> Tensor:
        C, U, *_ = predictions
        up, down = (moment.x - C).flatten(1), (moment.x - U).flatten(1)
        alpha = (up * down).sum(1) / ((down**2).sum(1) + _TINY)
        alpha = alpha.view(-1, 1, 1, 1)
        return r + U * (alpha - 1) + moment.cfg * U * (1 - alpha)


@dataclass(frozen=True, slots=True)
class CfgNorm:
    """The guided prediction no longer, pixel by pixel, than the positive one; times `strength`."""

    strength: float

    def apply(self, model: DiffusionModel) -> DiffusionModel:
        return model.with_hooks(Hooks(post_cfg=(self,)))

    def __call__(self, r: Tensor, predictions: Predictions, _: Moment) -> Tensor:
        longest = predictions[0].norm(dim=1, keepdim=True)
        scale: Tensor = longest / (r.norm(dim=1, keepdim=True) + _TINY)
        return r * scale.clamp(0, 1) * self.strength


@dataclass(frozen=True, slots=True)
class Mahiro:
    """Leans from the guided to the scaled positive prediction, the more the less the negative one
    points its way.
    """

    def apply(self, model: DiffusionModel) -> DiffusionModel:
        return model.with_hooks(Hooks(post_cfg=(self,)))

    def __call__(self, r: Tensor, predictions: Predictions, moment: Moment) -> Tensor:
        C, U, *_ = predictions
        leap = C * moment.cfg
        sides = _signed_root(U * moment.cfg), _signed_root((leap + r) / 2)
        share = 2 * (cosine_similarity(*sides, dim=1).mean() + 1)
        return (share * r + (4 - share) * leap) / 4


def _signed_root(x: Tensor) -> Tensor:
    return x.sign() * x.abs().sqrt()


@dataclass(frozen=True, slots=True)
class EpsilonScaling:
    """The predicted noise divided by a number near 1 (Ning et al. 2023, arXiv 2308.15321)."""

    factor: float

    def apply(self, model: DiffusionModel) -> DiffusionModel:
        return model.with_hooks(Hooks(post_cfg=(self,)))

    def __call__(self, r: Tensor, _: Predictions, moment: Moment) -> Tensor:
        return moment.x - (moment.x - r) / self.factor


@dataclass(frozen=True, slots=True)
class TemporalScoreRescaling:
    """The predicted noise scaled by level, as if clean latents with spread `sigma` were drawn with
    temperature `k` (Xu et al. 2025, arXiv 2510.01184, equation 9).
    """

    k: float
    sigma: float

    def apply(self, model: DiffusionModel) -> DiffusionModel:
        return model.with_hooks(Hooks(post_cfg=(self,)))

    def __call__(self, r: Tensor, _: Predictions, moment: Moment) -> Tensor:
        alpha = moment.model.sampling.alpha(moment.s)
        known = (alpha / moment.s * self.sigma) ** 2
        factor = (known + 1) / (known / self.k + 1)
        changed = moment.x - (moment.x - alpha * r) * factor
        # Where there is no signal at all nothing can be scaled.
        return torch.where(alpha > 0, changed / alpha, r)

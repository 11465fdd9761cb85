"""Guidance away from what the model predicts when its attention is spoilt (PAG, SAG)."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from engine.sampling.blur import blur, gaussian_kernel
from engine.sampling.hooks import Hooks, Moment, Predictions
from engine.sampling.model import DiffusionModel
from engine.weights.sites import NO_PATCHES, Attend, Patches, Site

# Where self-attention guidance leaves its map in a run's memory.
_MAP = "self-attention map"
# A token counts as salient when it gets more than this much of all attention.
_SALIENT = 1.0
_BLUR_REACH = 4
_NEGATIVE = 1


@dataclass(frozen=True, slots=True)
class PerturbedAttention:
    """PAG: in the middle block every token attends to itself alone (Ahn et al. 2024, arXiv
    2403.17377).
    """

    scale: float

    def apply(self, model: DiffusionModel) -> DiffusionModel:
        return model.with_hooks(Hooks(post_cfg=(self,)))

    def __call__(self, r: Tensor, predictions: Predictions, moment: Moment) -> Tensor:
        if self.scale == 0:
            return r
        patches = Patches(self_heads=(_itself_in_the_middle,))
        (perturbed,) = moment.predict(moment.groups[:1], moment.x, patches)
        return r + (predictions[0] - perturbed) * self.scale


def _itself_in_the_middle(attend: Attend, q: Tensor, k: Tensor, v: Tensor, site: Site) -> Tensor:
    return v if site.block == "middle" else attend(q, k, v)


@dataclass(frozen=True, slots=True)
class SelfAttentionGuidance:
    """SAG: the negative prediction is blurred where the network looks, and predicted again (Hong et
    al. 2022, arXiv 2210.00939, algorithm 1). `blur_sigma` in cells of the latent.
    """

    scale: float
    blur_sigma: float

    def apply(self, model: DiffusionModel) -> DiffusionModel:
        patches = Patches(self_heads=(_record_in_the_middle,))
        return model.with_hooks(Hooks(post_cfg=(self,), needs_uncond=True, patches=patches))

    def __call__(self, r: Tensor, predictions: Predictions, moment: Moment) -> Tensor:
        salient = moment.facts.memory.get(_MAP)
        # A latent this small has no room for the blur.
        if salient is None or min(r.shape[-2:]) <= _BLUR_REACH or not moment.guided:
            return r
        U = predictions[1]
        where = interpolate(salient, size=(U.shape[-2], U.shape[-1]), mode="nearest")
        degraded = self._blurred(U) * where + U * (1 - where)
        (again,) = moment.predict((moment.groups[1],), degraded + moment.x - U, NO_PATCHES)
        return r + (degraded - again) * self.scale

    def _blurred(self, x: Tensor) -> Tensor:
        if self.blur_sigma == 0:
            return x
        places = torch.arange(-_BLUR_REACH, _BLUR_REACH + 1, dtype=torch.float32, device=x.device)
        return blur(x, gaussian_kernel(places, self.blur_sigma))


def _record_in_the_middle(attend: Attend, q: Tensor, k: Tensor, v: Tensor, site: Site) -> Tensor:
    """Plain attention; leaves where the negative prompt's share of the batch looks in memory."""
    asked = site.call.cond_or_uncond
    if (site.block, site.index) == ("middle", 0) and _NEGATIVE in asked:
        each = q.shape[0] // len(asked)
        part = slice(asked.index(_NEGATIVE) * each, (asked.index(_NEGATIVE) + 1) * each)
        site.call.memory[_MAP] = _salience(q[part], k[part], site)
    return attend(q, k, v)


def _salience(q: Tensor, k: Tensor, site: Site) -> Tensor:
    """1 where tokens get more than their share of attention, else 0: float32 [B, 1, h', w']."""
    q, k = (one.float().view(*one.shape[:2], site.heads, -1).movedim(2, 1) for one in (q, k))
    shares = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1)
    got: Tensor = shares.mean(1).sum(1)
    return (got > _SALIENT).float().view(-1, 1, *site.size)

"""Guidance that is taken apart into directions before it is applied."""

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.sampling.hooks import Hooks, Moment, Predictions
from engine.sampling.model import DiffusionModel


@dataclass(frozen=True, slots=True)
class TangentialDamping:
    """TCFG: only the part of the negative prediction along the direction that it shares with the
    positive one (Kwon et al. 2025, arXiv 2503.18137).
    """

    def apply(self, model: DiffusionModel) -> DiffusionModel:
        return model.with_hooks(Hooks(pre_cfg=(self,)))

    def __call__(self, predictions: Predictions, moment: Moment) -> Predictions:
        if not moment.guided:
            return predictions
        C, U, *rest = predictions
        away = torch.stack([(moment.x - one).flatten(1) for one in (U, C)], dim=1)
        shared = torch.linalg.svd(away, full_matrices=False).Vh[:, 0]
        along = (away[:, 0] * shared).sum(1, keepdim=True) * shared
        return (C, moment.x - along.view_as(U), *rest)


@dataclass(frozen=True, slots=True)
class ProjectedGuidance:
    """APG: guidance of bounded length, its part along the positive prediction scaled by `eta`, with
    `momentum` from step to step (Sadat et al. 2024, arXiv 2410.02416).
    """

    eta: float
    norm_threshold: float
    momentum: float

    def apply(self, model: DiffusionModel) -> DiffusionModel:
        return model.with_hooks(Hooks(pre_cfg=(self,)))

    def __call__(self, predictions: Predictions, moment: Moment) -> Predictions:
        if not moment.guided or moment.cfg == 0:  # at 0 there is no guidance to bound
            return predictions
        C, U, *rest = predictions
        guidance = self._running(C - U, moment)
        if self.norm_threshold > 0:
            length = torch.linalg.vector_norm(guidance, dim=(1, 2, 3), keepdim=True)
            guidance = guidance * (self.norm_threshold / length).clamp(max=1)
        guidance = guidance + (self.eta - 1) * _along(guidance, C)
        return (U + guidance + (C - U) / moment.cfg, U, *rest)

    def _running(self, guidance: Tensor, moment: Moment) -> Tensor:
        """`guidance` with what is left of the earlier steps', which a new run has none of."""
        if self.momentum == 0:
            return guidance
        memory, name = moment.facts.memory, repr(self)
        before, last = memory.get(name), memory.get(f"{name}.sigma")
        if before is not None and last is not None and moment.level <= float(last):
            guidance = guidance + self.momentum * before
        memory[name], memory[f"{name}.sigma"] = guidance, torch.tensor(moment.level)
        return guidance


def _along(v: Tensor, direction: Tensor) -> Tensor:
    """The part of `v` along `direction`, item by item; in float64, as the two nearly cancel."""
    unit = torch.nn.functional.normalize(direction.double().flatten(1), dim=1)
    part = (v.double().flatten(1) * unit).sum(1, keepdim=True) * unit
    return part.to(v.dtype).view_as(v)

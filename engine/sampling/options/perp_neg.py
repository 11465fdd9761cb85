"""Perp-Neg as a model option; `guiders.py` has it as a guider."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from engine.sampling.conditioning import prepare
from engine.sampling.guiders import perp_neg
from engine.sampling.hooks import Hooks, Moment
from engine.sampling.model import DiffusionModel
from engine.weights.sites import NO_PATCHES


@dataclass(frozen=True, slots=True, eq=False)
class PerpNeg:
    """Guidance away from what in the negative prompt is not in the positive one; `empty` is the
    CONDITIONING of no text.
    """

    empty: Sequence[Any] = field(repr=False)
    neg_scale: float

    def apply(self, model: DiffusionModel) -> DiffusionModel:
        return model.with_hooks(Hooks(cfg=self))

    def __call__(self, C: Tensor, U: Tensor, moment: Moment) -> Tensor:
        groups = prepare({"empty": self.empty}, moment.model, moment.facts)
        (E,) = moment.predict((groups["empty"],), moment.x, NO_PATCHES)
        return perp_neg(C, U, E, moment.cfg, self.neg_scale)

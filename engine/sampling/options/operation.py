"""A latent operation on guidance."""

from dataclasses import dataclass

from engine.sampling.hooks import Hooks, Moment, Predictions
from engine.sampling.latent_operations import LatentOperation
from engine.sampling.model import DiffusionModel


@dataclass(frozen=True, slots=True)
class OperationOnGuidance:
    """What guidance adds to the negative prediction goes through `operation` first."""

    operation: LatentOperation

    def apply(self, model: DiffusionModel) -> DiffusionModel:
        return model.with_hooks(Hooks(pre_cfg=(self,)))

    def __call__(self, predictions: Predictions, _: Moment) -> Predictions:
        C, U, *rest = predictions
        return (self.operation(latent=C - U) + U, U, *rest)

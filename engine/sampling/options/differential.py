"""Differential diffusion: a grey mask says how early each part of a picture may change."""

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.sampling.hooks import Hooks
from engine.sampling.model import DiffusionModel
from engine.sampling.model_sampling import ModelSampling


@dataclass(frozen=True, slots=True)
class DifferentialDiffusion:
    """A noise mask is compared with a threshold that falls with the timestep (Levin & Fried 2023,
    arXiv 2306.00950). A `strength` between 0 and 1 mixes in the mask itself.
    """

    strength: float = 1.0

    def apply(self, model: DiffusionModel) -> DiffusionModel:
        return model.with_hooks(Hooks(denoise_mask=self))

    def __call__(
        self, mask: Tensor, sigma: Tensor, sigmas: Tensor, sampling: ModelSampling
    ) -> Tensor:
        last = torch.maximum(sigmas[-1], sigmas.new_tensor(sampling.sigma_min))
        start, end, now = sampling.levels.timestep(torch.stack([sigmas[0], last, sigma.to(sigmas)]))
        binary: Tensor = (mask >= (now - end) / (start - end)).to(mask.dtype)
        if 0 < self.strength < 1:
            return self.strength * binary + (1 - self.strength) * mask
        return binary

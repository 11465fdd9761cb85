"""Options that treat coarse and fine structure differently, by Fourier transform over a picture."""

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.sampling.hooks import Hooks, Moment, Predictions
from engine.sampling.model import DiffusionModel
from engine.weights.sites import Patches, Site

# Keeps features that are the same everywhere divisible by their range.
_FLAT = 1e-12


@dataclass(frozen=True, slots=True)
class FreSca:
    """Guidance with its low and its high frequencies scaled apart (Huang et al. 2025, arXiv
    2504.02154). `cutoff`: where the low ones end, in waves per picture.
    """

    scale_low: float
    scale_high: float
    cutoff: int

    def apply(self, model: DiffusionModel) -> DiffusionModel:
        return model.with_hooks(Hooks(pre_cfg=(self,)))

    def __call__(self, predictions: Predictions, moment: Moment) -> Predictions:
        if not moment.guided:
            return predictions
        C, U, *rest = predictions
        guidance = scale_frequencies(C - U, self.cutoff, self.scale_low, self.scale_high)
        return (guidance + U, U, *rest)


def scale_frequencies(x: Tensor, cutoff: int, low: float, high: float = 1.0) -> Tensor:
    """`x` [B, C, h, w] with the frequencies below `cutoff` times `low` and the rest times `high`.

    Of the two frequencies at +-cutoff only the negative one counts as low.
    """
    height, width = x.shape[-2:]
    shifted = torch.fft.fftshift(torch.fft.fft2(x.float()), dim=(-2, -1))
    scale = torch.full((height, width), high, device=x.device)
    rows, columns = (
        slice(size // 2 - min(cutoff, size // 2), size // 2 + min(cutoff, size // 2))
        for size in (height, width)
    )
    scale[rows, columns] = low
    changed = torch.fft.ifft2(torch.fft.ifftshift(shifted * scale, dim=(-2, -1)))
    real: Tensor = changed.real
    return real.to(x.dtype)


@dataclass(frozen=True, slots=True)
class FreeU:
    """FreeU (Si et al. 2023, arXiv 2309.11497): in the two deepest levels of the upward path the
    first half of the features times `b`, and the lowest frequencies of the skip tensors times `s`.

    `scaled`: version 2, in which features are scaled the more the larger their mean is.
    """

    b1: float
    b2: float
    s1: float
    s2: float
    scaled: bool = False

    def apply(self, model: DiffusionModel) -> DiffusionModel:
        return model.with_hooks(Hooks(patches=Patches(output_blocks=(self,))))

    def __call__(self, h: Tensor, skip: Tensor, site: Site) -> tuple[Tensor, Tensor]:
        # The number of channels tells the level, so blocks of a level that get them from below
        # (all but the last of SD1's third) count as below.
        chosen = {4: (self.b1, self.s1), 2: (self.b2, self.s2)}.get(h.shape[1] // site.channels)
        if chosen is None or h.shape[1] % site.channels:
            return h, skip
        b, s = chosen
        half = h.shape[1] // 2
        changed = torch.cat([h[:, :half] * self._factor(h, b), h[:, half:]], dim=1)
        return changed, scale_frequencies(skip, 1, s)

    def _factor(self, h: Tensor, b: float) -> Tensor | float:
        if not self.scaled:
            return b
        mean = h.mean(1, keepdim=True)
        low, high = mean.amin((2, 3), keepdim=True), mean.amax((2, 3), keepdim=True)
        return (b - 1) * ((mean - low) / (high - low).clamp(min=_FLAT)) + 1

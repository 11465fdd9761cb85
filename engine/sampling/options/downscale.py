"""Deep shrink: the inner blocks of a network work on a smaller picture while its outline is drawn
(Kohya S., github.com/kohya-ss/sd-scripts, "Deep Shrink").
"""

from dataclasses import dataclass

from torch import Tensor

from engine.sampling.hooks import Hooks
from engine.sampling.model import DiffusionModel
from engine.sampling.ranges import sigma_at
from engine.sampling.resize import resized
from engine.weights.sites import Patches, Site


@dataclass(frozen=True, slots=True)
class DeepShrink:
    """What leaves input block `block` is made smaller by `factor` in a part of a run.

    Attributes:
        after_skip: the block's skip tensor keeps its size.
        down, up: ways of resizing (`resize.METHODS`).
    """

    block: int
    factor: float
    start_percent: float
    end_percent: float
    after_skip: bool
    down: str
    up: str

    def apply(self, model: DiffusionModel) -> DiffusionModel:
        levels = model.sampling.levels
        shrink = _Shrink(
            self, sigma_at(self.start_percent, levels), sigma_at(self.end_percent, levels)
        )
        if self.after_skip:
            patches = Patches(input_blocks_after_skip=(shrink,), output_blocks=(self,))
        else:
            patches = Patches(input_blocks=(shrink,), output_blocks=(self,))
        return model.with_hooks(Hooks(patches=patches))

    def __call__(self, h: Tensor, skip: Tensor, _: Site) -> tuple[Tensor, Tensor]:
        """`h` as large again as the skip tensor that it is to be joined with."""
        height, width = skip.shape[-2:]
        if h.shape[-2:] == skip.shape[-2:]:
            return h, skip
        return resized(h, height, width, self.up), skip


@dataclass(frozen=True, slots=True)
class _Shrink:
    option: DeepShrink
    start_sigma: float
    end_sigma: float

    def __call__(self, h: Tensor, site: Site) -> Tensor:
        if site.number != self.option.block:
            return h
        if not self.end_sigma <= float(site.call.sigmas[0]) <= self.start_sigma:
            return h
        height, width = (max(1, round(side / self.option.factor)) for side in h.shape[-2:])
        return resized(h, height, width, self.option.down)

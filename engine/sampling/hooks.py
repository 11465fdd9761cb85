"""Where options may act while a model is sampled, and what they see there.

`Hooks` is a value that options build up on a `DiffusionModel`; `guidance.py` runs it. The points
and their order are those by which packs of ComfyUI change guidance: evaluation, pre-CFG, CFG,
post-CFG, the call of the model, and the noise mask. What reaches into the network is `Patches`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from torch import Tensor

from engine.sampling.facts import RunFacts
from engine.sampling.inputs import Inputs
from engine.weights.sites import NO_PATCHES, Patches

if TYPE_CHECKING:
    from engine.sampling.entries import Entry
    from engine.sampling.model import DiffusionModel, Predict
    from engine.sampling.model_sampling import ModelSampling

# The prompts of one evaluation: positive, negative, perhaps more; None for one that is left out.
Groups = Sequence["Sequence[Entry] | None"]
# A clean prediction for each group, [B, C, h, w]; zeros for a group that is left out.
Predictions = tuple[Tensor, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """One evaluation of the guided model.

    Attributes:
        model: what is sampled, with all its options.
        facts: the run.
        x: the noisy latent, float32 [B, C, h, w].
        sigma: its noise level, float32 [B]; `level` is the same as a number, for decisions that
            must not wait for a device.
        cfg: the scale of guidance.
        groups: the prompts; the positive first, then the negative.
        predict: evaluates groups at another latent, float32 [B, C, h, w], at the same noise level,
            with `Patches` beside those of the model.
    """

    model: "DiffusionModel"
    facts: RunFacts
    x: Tensor
    sigma: Tensor
    level: float
    cfg: float
    groups: Groups
    predict: Callable[[Groups, Tensor, Patches], Predictions]

    @property
    def guided(self) -> bool:
        """Whether there is a negative prediction to be guided away from."""
        return len(self.groups) > 1 and self.groups[1] is not None

    @property
    def s(self) -> Tensor:
        """`sigma` as [B, 1, 1, 1]."""
        return self.sigma.reshape(-1, *[1] * (self.x.ndim - 1))


# (groups, moment) -> predictions, in place of the evaluation.
Evaluate = Callable[[Groups, Moment], Predictions]
# (predictions, moment) -> predictions
PreCfg = Callable[[Predictions, Moment], Predictions]
# (positive, negative, moment) -> guided prediction, in place of U + (C - U) cfg.
Cfg = Callable[[Tensor, Tensor, Moment], Tensor]
# (guided prediction, predictions, moment) -> guided prediction
PostCfg = Callable[[Tensor, Predictions, Moment], Tensor]
# (predict, x, sigma, context, inputs) -> what `predict(x, sigma, context, inputs)` gives, or
# something in its place.
Wrap = Callable[["Predict", Tensor, Tensor, Tensor, Inputs], Tensor]
# (mask [B, C, h, w], sigma [], sigmas [n + 1], sampling) -> the mask for this evaluation.
DenoiseMask = Callable[[Tensor, Tensor, Tensor, "ModelSampling"], Tensor]


@dataclass(frozen=True, slots=True)
class Hooks:
    """What acts at which point. Of several at a point all act, in their order; where there is room
    for one only, the last one set acts.

    `needs_uncond`: the negative prompt is evaluated even at cfg 1.
    """

    evaluate: Evaluate | None = None
    pre_cfg: tuple[PreCfg, ...] = ()
    cfg: Cfg | None = None
    post_cfg: tuple[PostCfg, ...] = ()
    wrap: Wrap | None = None
    denoise_mask: DenoiseMask | None = None
    needs_uncond: bool = False
    patches: Patches = NO_PATCHES

    def __add__(self, later: "Hooks") -> "Hooks":
        single = {
            name: getattr(later, name) or getattr(self, name)
            for name in ("evaluate", "cfg", "wrap", "denoise_mask", "needs_uncond")
        }
        more: dict[str, Any] = {
            name: getattr(self, name) + getattr(later, name)
            for name in ("pre_cfg", "post_cfg", "patches")
        }
        return replace(self, **single, **more)


NO_HOOKS = Hooks()

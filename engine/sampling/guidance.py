"""Classifier-free guidance: predictions of prompts to one prediction for the samplers.

Here the hooks of `hooks.py` act, in the order that packs of ComfyUI rely on. Which prompts share a
call of the model, and how parts of a group are mixed, is `evaluation.py`'s; other mixtures of
prompts than positive and negative are in `guiders.py`.
"""

import math
from dataclasses import dataclass

from torch import Tensor

from engine.sampling.entries import Entry
from engine.sampling.evaluation import Evaluator
from engine.sampling.hooks import Groups, Moment, Predictions


@dataclass(frozen=True, slots=True, eq=False)
class Guided:
    """The denoiser of a KSampler: U + (C - U) cfg (Ho & Salimans 2022, arXiv 2207.12598).

    At cfg 1 the negative prompt is not evaluated and its prediction is 0, unless something asks for
    it. Without a negative prompt (`negative` None) the same holds at every cfg.
    """

    evaluate: Evaluator
    positive: tuple[Entry, ...]
    negative: tuple[Entry, ...] | None
    cfg: float

    def __call__(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """`x` float32 [B, C, h, w] to the guided and the unguided clean prediction."""
        skip = math.isclose(self.cfg, 1.0) and not needs_uncond(self.evaluate)
        groups: Groups = (self.positive, None if skip else self.negative)
        moment = moment_of(self.evaluate, x, sigma, self.cfg, groups)
        hooks = self.evaluate.model.hooks
        if hooks.evaluate is None:
            predictions = self.evaluate(groups, x, sigma)
        else:
            predictions = hooks.evaluate(groups, moment)
        for hook in hooks.pre_cfg:
            predictions = hook(predictions, moment)
        return guide(predictions, moment), predictions[1]


def needs_uncond(evaluate: Evaluator) -> bool:
    """Whether the negative prediction is used even where its weight is 0."""
    return evaluate.facts.needs_uncond or evaluate.model.hooks.needs_uncond


def moment_of(evaluate: Evaluator, x: Tensor, sigma: Tensor, cfg: float, groups: Groups) -> Moment:
    """What hooks see of the evaluation of `groups` at `x` [B, C, h, w] and `sigma` []."""
    return Moment(
        model=evaluate.model,
        facts=evaluate.facts,
        x=x,
        sigma=sigma.to(x).expand(x.shape[0]),
        level=float(sigma),
        cfg=cfg,
        groups=groups,
        predict=lambda groups, x, patches: evaluate(groups, x, sigma, patches),
    )


def guide(predictions: Predictions, moment: Moment) -> Tensor:
    """The guided prediction from (positive, negative, ...), by the model's CFG hooks."""
    C, U, hooks = predictions[0], predictions[1], moment.model.hooks
    guided = U + (C - U) * moment.cfg if hooks.cfg is None else hooks.cfg(C, U, moment)
    return after_cfg(guided, predictions, moment)


def after_cfg(guided: Tensor, predictions: Predictions, moment: Moment) -> Tensor:
    """`guided` as the model's post-CFG hooks leave it."""
    for hook in moment.model.hooks.post_cfg:
        guided = hook(guided, predictions, moment)
    return guided

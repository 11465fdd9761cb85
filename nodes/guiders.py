"""Nodes that give a GUIDER: a model, its prompts, and how these are weighed against each other."""

from typing import Annotated, Literal, cast

from engine.graph.native import Choice, Range, node
from engine.sampling.guiders import CfgGuider, DualCfgGuider, PerpNegGuider
from nodes.types import CONDITIONING, GUIDER, MODEL, Cfg

_CATEGORY = "sampling/custom_sampling/guiders"


@node("CFGGuider", category=_CATEGORY, light=True)
def cfg_guider(
    *, model: MODEL, positive: CONDITIONING, negative: CONDITIONING, cfg: Cfg = 8.0
) -> GUIDER:
    """Guides towards the positive and away from the negative prompt, as KSampler does."""
    return CfgGuider(model, positive, negative, cfg)


@node("BasicGuider", category=_CATEGORY, light=True)
def basic_guider(*, model: MODEL, conditioning: CONDITIONING) -> GUIDER:
    """Samples with one prompt alone."""
    return CfgGuider(model, conditioning, None, 1.0)


@node("DualCFGGuider", category=_CATEGORY, light=True)
def dual_cfg_guider(
    *,
    model: MODEL,
    cond1: CONDITIONING,
    cond2: CONDITIONING,
    negative: CONDITIONING,
    cfg_conds: Cfg = 8.0,
    cfg_cond2_negative: Cfg = 8.0,
    style: Annotated[str, Choice(("regular", "nested"))],
) -> GUIDER:
    """Guides from the negative prompt to the second one, and from that to the first one."""
    chosen = cast(Literal["regular", "nested"], style)
    return DualCfgGuider(model, cond1, cond2, negative, cfg_conds, cfg_cond2_negative, chosen)


@node("PerpNegGuider", category="_for_testing", light=True, experimental=True)
def perp_neg_guider(
    *,
    model: MODEL,
    positive: CONDITIONING,
    negative: CONDITIONING,
    empty_conditioning: CONDITIONING,
    cfg: Cfg = 8.0,
    neg_scale: Annotated[float, Range(0.0, 100.0, 0.01)] = 1.0,
) -> GUIDER:
    """Guides away from what is in the negative prompt and not in the positive one."""
    return PerpNegGuider(model, positive, negative, empty_conditioning, cfg, neg_scale)

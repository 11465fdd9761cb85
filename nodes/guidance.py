"""Nodes that change how a model is guided, or how its network attends while it is sampled.

Each appends an option to the MODEL link; nothing is loaded.
"""

from typing import Annotated

from engine.graph.native import Choice, Range, node
from engine.sampling.options.attention_guidance import PerturbedAttention, SelfAttentionGuidance
from engine.sampling.options.cfg import (
    CfgNorm,
    CfgZeroStar,
    EpsilonScaling,
    Mahiro,
    RescaleCfg,
    TemporalScoreRescaling,
)
from engine.sampling.options.differential import DifferentialDiffusion
from engine.sampling.options.downscale import DeepShrink
from engine.sampling.options.frequency import FreeU, FreSca
from engine.sampling.options.hypertile import HyperTile
from engine.sampling.options.operation import OperationOnGuidance
from engine.sampling.options.perp_neg import PerpNeg
from engine.sampling.options.projected import ProjectedGuidance, TangentialDamping
from engine.sampling.options.token_merging import TokenMerging
from nodes.types import CONDITIONING, LATENT_OPERATION, MODEL, Percent, Share

_GUIDANCE = "advanced/guidance"
_NETWORK = "model_patches/unet"
_TRIAL = "_for_testing"
_PATCHED = ("patched_model",)

# In this node's own order.
_RESIZING = ("bicubic", "nearest-exact", "bilinear", "area", "bislerp")
Resizing = Annotated[str, Choice(_RESIZING)]
Scale = Annotated[float, Range(0.0, 10.0, 0.01)]
Factor = Annotated[float, Range(0.0, 100.0, 0.01)]


@node("RescaleCFG", category="advanced/model", light=True)
def rescale_cfg(
    *, model: MODEL, multiplier: Annotated[float, Range(0.0, 1.0, 0.01)] = 0.7
) -> MODEL:
    """Keeps strong guidance from washing out or overexposing pictures of v-prediction models."""
    return model.with_option(RescaleCfg(multiplier))


@node("CFGZeroStar", category=_GUIDANCE, output_names=_PATCHED, light=True)
def cfg_zero_star(*, model: MODEL) -> MODEL:
    """CFG-Zero*: scales the negative prediction to fit the positive one before guiding."""
    return model.with_option(CfgZeroStar())


@node("CFGNorm", category=_GUIDANCE, output_names=_PATCHED, light=True, experimental=True)
def cfg_norm(*, model: MODEL, strength: Factor = 1.0) -> MODEL:
    """Keeps the guided prediction from growing beyond the positive one."""
    return model.with_option(CfgNorm(strength))


@node("TCFG", "Tangential Damping CFG", category=_GUIDANCE, output_names=_PATCHED, light=True)
def tcfg(*, model: MODEL) -> MODEL:
    """Guides along what the two predictions share, and drops the rest of the negative one."""
    return model.with_option(TangentialDamping())


@node("APG", "Adaptive Projected Guidance", category="sampling/custom_sampling", light=True)
def apg(
    *,
    model: MODEL,
    eta: Annotated[float, Range(-10.0, 10.0, 0.01)] = 1.0,
    norm_threshold: Annotated[float, Range(0.0, 50.0, 0.1)] = 5.0,
    momentum: Annotated[float, Range(-5.0, 1.0, 0.01)] = 0.0,
) -> MODEL:
    """Guidance of bounded length; eta scales its part along the prediction, 0 leaves it out."""
    return model.with_option(ProjectedGuidance(eta, norm_threshold, momentum))


@node(
    "Mahiro",
    "Mahiro is so cute that she deserves a better guidance function!! (。・ω・。)",
    category=_TRIAL,
    output_names=_PATCHED,
    light=True,
    experimental=True,
)
def mahiro(*, model: MODEL) -> MODEL:
    """Guidance that follows the direction of the positive prompt more than how far it leads."""
    return model.with_option(Mahiro())


@node("Epsilon Scaling", category=_NETWORK, light=True)
def epsilon_scaling(
    *,
    model: MODEL,
    scaling_factor: Annotated[float, Range(0.5, 1.5, 0.001, display="number")] = 1.005,
) -> MODEL:
    """Divides the predicted noise by a number near 1, against errors that add up over a run."""
    return model.with_option(EpsilonScaling(scaling_factor))


@node("TemporalScoreRescaling", "TSR - Temporal Score Rescaling", category=_NETWORK, light=True)
def temporal_score_rescaling(
    *,
    model: MODEL,
    tsr_k: Annotated[float, Range(0.01, 100.0, 0.001)] = 0.95,
    tsr_sigma: Annotated[float, Range(0.01, 100.0, 0.001)] = 1.0,
) -> MODEL:
    """Scales the predicted noise level by level: below 1 k brings out detail, above 1 calms it."""
    return model.with_option(TemporalScoreRescaling(tsr_k, tsr_sigma))


@node("FreSca", category=_TRIAL, light=True, experimental=True)
def fresca(
    *,
    model: MODEL,
    scale_low: Scale = 1.0,
    scale_high: Scale = 1.25,
    freq_cutoff: Annotated[int, Range(1, 10000, 1)] = 20,
) -> MODEL:
    """Scales the coarse and the fine part of guidance apart."""
    return model.with_option(FreSca(scale_low, scale_high, freq_cutoff))


@node(
    "LatentApplyOperationCFG",
    category="latent/advanced/operations",
    light=True,
    experimental=True,
)
def latent_apply_operation_cfg(*, model: MODEL, operation: LATENT_OPERATION) -> MODEL:
    """Runs a latent operation on what guidance adds in every step."""
    return model.with_option(OperationOnGuidance(operation))


@node("PerturbedAttentionGuidance", category=_NETWORK, light=True)
def perturbed_attention_guidance(
    *, model: MODEL, scale: Annotated[float, Range(0.0, 100.0, 0.01, round=0.01)] = 3.0
) -> MODEL:
    """Guides away from what the model draws without self-attention in its middle; costs one more
    evaluation a step.
    """
    return model.with_option(PerturbedAttention(scale))


@node(
    "SelfAttentionGuidance",
    "Self-Attention Guidance",
    category=_TRIAL,
    light=True,
    experimental=True,
)
def self_attention_guidance(
    *,
    model: MODEL,
    scale: Annotated[float, Range(-2.0, 5.0, 0.01)] = 0.5,
    blur_sigma: Annotated[float, Range(0.0, 10.0, 0.1)] = 2.0,
) -> MODEL:
    """Guides away from a picture that is blurred where the model looks; costs one more evaluation
    a step.
    """
    return model.with_option(SelfAttentionGuidance(scale, blur_sigma))


@node(
    "PerpNeg",
    "Perp-Neg (DEPRECATED by PerpNegGuider)",
    category=_TRIAL,
    light=True,
    experimental=True,
    deprecated=True,
)
def perp_neg(*, model: MODEL, empty_conditioning: CONDITIONING, neg_scale: Factor = 1.0) -> MODEL:
    """Takes from a picture what is in the negative prompt alone; PerpNegGuider does it better."""
    return model.with_option(PerpNeg(empty_conditioning, neg_scale))


@node(
    "DifferentialDiffusion",
    "Differential Diffusion",
    category=_TRIAL,
    light=True,
    experimental=True,
)
def differential_diffusion(*, model: MODEL, strength: Share | None = 1.0) -> MODEL:
    """Lets a grey noise mask say how much each part of a picture may change."""
    return model.with_option(DifferentialDiffusion(1.0 if strength is None else strength))


@node("FreeU", category=_NETWORK, light=True)
def free_u(
    *, model: MODEL, b1: Scale = 1.1, b2: Scale = 1.2, s1: Scale = 0.9, s2: Scale = 0.2
) -> MODEL:
    """Leans on the network's deeper features (b) and less on what skips past them (s)."""
    return model.with_option(FreeU(b1, b2, s1, s2))


@node("FreeU_V2", category=_NETWORK, light=True)
def free_u_v2(
    *, model: MODEL, b1: Scale = 1.3, b2: Scale = 1.4, s1: Scale = 0.9, s2: Scale = 0.2
) -> MODEL:
    """FreeU that scales features the more the stronger they are."""
    return model.with_option(FreeU(b1, b2, s1, s2, scaled=True))


@node("TomePatchModel", category=_NETWORK, light=True)
def tome_patch_model(
    *, model: MODEL, ratio: Annotated[float, Range(0.0, 1.0, 0.01)] = 0.3
) -> MODEL:
    """Merges similar tokens at full resolution: faster on large pictures, with less detail."""
    return model.with_option(TokenMerging(ratio))


@node("HyperTile", category=_NETWORK, light=True)
def hyper_tile(
    *,
    model: MODEL,
    tile_size: Annotated[int, Range(1, 2048)] = 256,
    swap_size: Annotated[int, Range(1, 128)] = 2,
    max_depth: Annotated[int, Range(0, 10)] = 0,
    scale_depth: bool = False,
) -> MODEL:
    """Cuts self-attention into tiles: faster on large pictures, which lose some of their unity."""
    return model.with_option(HyperTile(tile_size, swap_size, max_depth, scale_depth))


@node(
    "PatchModelAddDownscale",
    "PatchModelAddDownscale (Kohya Deep Shrink)",
    category=_NETWORK,
    light=True,
)
def patch_model_add_downscale(
    *,
    model: MODEL,
    block_number: Annotated[int, Range(1, 32, 1)] = 3,
    downscale_factor: Annotated[float, Range(0.1, 9.0, 0.001)] = 2.0,
    start_percent: Percent = 0.0,
    end_percent: Percent = 0.35,
    downscale_after_skip: bool = True,
    downscale_method: Resizing,
    upscale_method: Resizing,
) -> MODEL:
    """Draws the outline of a large picture on a smaller one, so that nothing is drawn twice."""
    return model.with_option(
        DeepShrink(
            block_number,
            downscale_factor,
            start_percent,
            end_percent,
            downscale_after_skip,
            downscale_method,
            upscale_method,
        )
    )

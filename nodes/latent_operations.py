"""Nodes that give operations on latents, and that run one."""

from typing import Annotated

from engine.graph.native import Range, node
from engine.sampling.latent_operations import Reinhard, Sharpen
from nodes.types import LATENT, LATENT_OPERATION

_CATEGORY = "latent/advanced/operations"


@node("LatentApplyOperation", category=_CATEGORY, experimental=True)
def latent_apply_operation(*, samples: LATENT, operation: LATENT_OPERATION) -> LATENT:
    """Runs a latent operation on a latent."""
    return {**samples, "samples": operation(latent=samples["samples"])}


@node("LatentOperationTonemapReinhard", category=_CATEGORY, light=True, experimental=True)
def latent_operation_tonemap_reinhard(
    *, multiplier: Annotated[float, Range(0.0, 100.0, 0.01)] = 1.0
) -> LATENT_OPERATION:
    """Tones down what sticks out, so that stronger guidance does not burn a picture."""
    return Reinhard(multiplier)


@node("LatentOperationSharpen", category=_CATEGORY, light=True, experimental=True)
def latent_operation_sharpen(
    *,
    sharpen_radius: Annotated[int, Range(1, 31, 1)] = 9,
    sigma: Annotated[float, Range(0.1, 10.0, 0.1)] = 1.0,
    alpha: Annotated[float, Range(0.0, 5.0, 0.01)] = 0.1,
) -> LATENT_OPERATION:
    """Sharpens a latent, or what guidance adds to one."""
    return Sharpen(sharpen_radius, sigma, alpha)

"""Nodes that take latents apart, repeat and join them, and that say which noise is theirs."""

from typing import Annotated

from engine.graph.native import Choice, Range, node
from engine.sampling import batches
from nodes.types import LATENT

_CATEGORY = "latent/batch"


@node("LatentFromBatch", "Latent From Batch", category=_CATEGORY)
def latent_from_batch(
    *,
    samples: LATENT,
    batch_index: Annotated[int, Range(0, 63)] = 0,
    length: Annotated[int, Range(1, 64)] = 1,
) -> LATENT:
    """Takes pictures out of a batch; sampled alone they get the noise that they had in it."""
    return batches.from_batch(samples, batch_index, length)


@node("RepeatLatentBatch", "Repeat Latent Batch", category=_CATEGORY)
def repeat_latent_batch(*, samples: LATENT, amount: Annotated[int, Range(1, 64)] = 1) -> LATENT:
    """The same latents several times, as one batch."""
    return batches.repeated(samples, amount)


@node("LatentBatch", category=_CATEGORY)
def latent_batch(*, samples1: LATENT, samples2: LATENT) -> LATENT:
    """Joins two batches; the second is brought to the size of the first."""
    return batches.joined(samples1, samples2)


@node("LatentBatchSeedBehavior", category="latent/advanced")
def latent_batch_seed_behavior(
    *, samples: LATENT, seed_behavior: Annotated[str, Choice(("random", "fixed"))] = "fixed"
) -> LATENT:
    """The same noise for every picture of a batch (fixed), or to each its own (random)."""
    return batches.with_seeds(samples, seed_behavior)

"""Nodes that make latents, and that turn pictures into latents and back."""

from typing import Annotated

import torch

from engine.graph.native import Range, node
from engine.graph.run import Run
from engine.weights.residency import Residency
from nodes.types import IMAGE, LATENT, VAE, Side


@node("EmptyLatentImage", "Empty Latent Image", category="latent")
def empty_latent_image(
    *, width: Side = 512, height: Side = 512, batch_size: Annotated[int, Range(1, 4096)] = 1
) -> LATENT:
    """A blank latent to sample on."""
    return {"samples": torch.zeros(batch_size, 4, height // 8, width // 8)}


@node("VAEDecode", "VAE Decode", category="latent", lane="device")
def vae_decode(*, run: Run, samples: LATENT, vae: VAE) -> IMAGE:
    """Turns a latent into a picture."""
    return run.service(Residency).vae(vae, run.check).decode(samples["samples"])


@node("VAEEncode", "VAE Encode", category="latent", lane="device")
def vae_encode(*, run: Run, pixels: IMAGE, vae: VAE) -> LATENT:
    """Turns a picture into a latent."""
    return {"samples": run.service(Residency).vae(vae, run.check).encode(pixels[..., :3])}

"""Nodes that make latents, and that turn pictures into latents and back."""

from typing import Annotated

import torch

from engine.graph.native import Range, node
from engine.graph.run import Run
from engine.weights.tiling import Tiles
from nodes.autoencoders import autoencoder
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
    return autoencoder(vae, run).decode(samples["samples"])


@node("VAEEncode", "VAE Encode", category="latent", lane="device")
def vae_encode(*, run: Run, pixels: IMAGE, vae: VAE) -> LATENT:
    """Turns a picture into a latent."""
    return {"samples": autoencoder(vae, run).encode(pixels[..., :3])}


# Pictures have no time; these are there for workflows that bring them.
Frames = Annotated[int, Range(8, 4096, 4)]
SharedFrames = Annotated[int, Range(4, 4096, 4)]


@node("VAEDecodeTiled", "VAE Decode (Tiled)", category="_for_testing", lane="device")
def vae_decode_tiled(
    *,
    run: Run,
    samples: LATENT,
    vae: VAE,
    tile_size: Annotated[int, Range(64, 4096, 32)] = 512,
    overlap: Annotated[int, Range(0, 4096, 32)] = 64,
    temporal_size: Frames = 64,  # noqa: ARG001
    temporal_overlap: SharedFrames = 8,  # noqa: ARG001
) -> IMAGE:
    """Turns a latent into a picture tile by tile, which takes less memory and more time."""
    return autoencoder(vae, run).decode(samples["samples"], Tiles(tile_size, overlap))


@node("VAEEncodeTiled", "VAE Encode (Tiled)", category="_for_testing", lane="device")
def vae_encode_tiled(
    *,
    run: Run,
    pixels: IMAGE,
    vae: VAE,
    tile_size: Annotated[int, Range(64, 4096, 64)] = 512,
    overlap: Annotated[int, Range(0, 4096, 32)] = 64,
    temporal_size: Frames = 64,  # noqa: ARG001
    temporal_overlap: SharedFrames = 8,  # noqa: ARG001
) -> LATENT:
    """Turns a picture into a latent tile by tile, which takes less memory and more time."""
    return {"samples": autoencoder(vae, run).encode(pixels, Tiles(tile_size, overlap))}

"""The socket types of the built-in nodes, as annotations: what flows along each kind of link."""

from typing import Annotated, Any

from torch import Tensor

from engine.graph.native import Range, Socket
from engine.weights.handles import Clip, Model, Vae

ANY = Annotated[Any, Socket("*")]
MODEL = Annotated[Model, Socket("MODEL")]
CLIP = Annotated[Clip, Socket("CLIP")]
VAE = Annotated[Vae, Socket("VAE")]
# A list of [tensor [1, tokens, width] float32, options]; options hold `pooled_output`, ...
CONDITIONING = Annotated[list[list[Any]], Socket("CONDITIONING")]
# `samples` [B, 4, H/8, W/8] float32 in the VAE's own scale; perhaps `noise_mask`, `batch_index`.
LATENT = Annotated[dict[str, Any], Socket("LATENT")]
# [B, H, W, 3] float32, 0..1
IMAGE = Annotated[Tensor, Socket("IMAGE")]
# [B, H, W] float32, 1 where selected
MASK = Annotated[Tensor, Socket("MASK")]

Seed = Annotated[int, Range(0, 2**64 - 1, seed=True)]
Side = Annotated[int, Range(16, 16384, 8)]
"""A picture's width or height in pixels; latents are an eighth of it."""

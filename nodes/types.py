"""The socket types of the built-in nodes, as annotations: what flows along each kind of link."""

from typing import Annotated, Any

from torch import Tensor

from engine.graph.native import Range, Socket
from engine.sampling.control import ControlNet
from engine.sampling.guiders import Guider
from engine.sampling.latent_operations import LatentOperation
from engine.sampling.lora_hooks import Keyframe, LoraHooks, Timesteps
from engine.sampling.noises import Noise
from engine.sampling.samplers.registry import Sampler
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
SAMPLER = Annotated[Sampler, Socket("SAMPLER")]
# [n + 1] float32, from the first noise level to the last; nobody changes it
SIGMAS = Annotated[Tensor, Socket("SIGMAS")]
NOISE = Annotated[Noise, Socket("NOISE")]
GUIDER = Annotated[Guider, Socket("GUIDER")]
CONTROL_NET = Annotated[ControlNet, Socket("CONTROL_NET")]
LATENT_OPERATION = Annotated[LatentOperation, Socket("LATENT_OPERATION")]
HOOKS = Annotated[LoraHooks, Socket("HOOKS")]
HOOK_KEYFRAMES = Annotated[tuple[Keyframe, ...], Socket("HOOK_KEYFRAMES")]
# (start, end) as shares of a run
TIMESTEPS_RANGE = Annotated[Timesteps, Socket("TIMESTEPS_RANGE")]
FLOATS = Annotated[
    float | list[float], Socket("FLOATS", {"min": -1, "step": 0.001, "forceInput": True})
]

Seed = Annotated[int, Range(0, 2**64 - 1, seed=True)]
Steps = Annotated[int, Range(1, 10000)]
Cfg = Annotated[float, Range(0.0, 100.0, 0.1, round=0.01)]
Percent = Annotated[float, Range(0.0, 1.0, 0.001)]
Share = Annotated[float, Range(0.0, 1.0, 0.01)]
Side = Annotated[int, Range(16, 16384, 8)]
"""A picture's width or height in pixels; latents are an eighth of it."""

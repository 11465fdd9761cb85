"""Small checkpoints in the original layout, with seeded random weights, for tests."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.weights.configs import Config, TextConfig, UnetConfig, VaeConfig
from engine.weights.handles import WeightsFile
from engine.weights.ldm import TEXT_PREFIX, UNET_PREFIX, VAE_PREFIX, names
from engine.weights.networks import build, live_name

UNET = UnetConfig(widths=(32, 64), attention=(True, False), resnets=1, context_width=64)
TEXT = TextConfig(width=64, layers=2, feed_forward=128, vocabulary=49408)
VAE = VaeConfig(widths=(32, 64), resnets=1)
PREFIXES = {UnetConfig: UNET_PREFIX, TextConfig: TEXT_PREFIX, VaeConfig: VAE_PREFIX}


def part_tensors(config: Config, seed: int = 0) -> dict[str, Tensor]:
    """Random weights of one network, by file name without prefix, float32."""
    generator = torch.Generator().manual_seed(seed)
    table = names(config)
    tensors = {}
    module = build(config)
    for own, parameter in module.named_parameters():
        live = live_name(module, own)
        shape = table.file_shape(live, tuple(parameter.shape))
        centre = 1.0 if "norm" in live and live.endswith("weight") else 0.0
        tensors[table.file_of[live]] = centre + 0.05 * torch.randn(shape, generator=generator)
    return tensors


def tiny_tensors(*configs: Config, seed: int = 0) -> dict[str, Tensor]:
    """Random weights of a checkpoint with the given parts; UNet, text and VAE by default."""
    return {
        PREFIXES[type(config)] + name: tensor
        for config in configs or (UNET, TEXT, VAE)
        for name, tensor in part_tensors(config, seed).items()
    }


def save(
    path: Path,
    tensors: Mapping[str, Tensor],
    dtype: torch.dtype = torch.float16,
    metadata: dict[str, str] | None = None,
) -> WeightsFile:
    """Write floating-point tensors as ``dtype``, others as they are."""
    ready = {n: t.to(dtype) if t.is_floating_point() else t for n, t in tensors.items()}
    save_file({n: t.contiguous() for n, t in ready.items()}, path, metadata)
    return WeightsFile.of(path)


def tiny_checkpoint(path: Path, *configs: Config, seed: int = 0) -> WeightsFile:
    """A float16 checkpoint with the given parts at ``path``."""
    return save(path, tiny_tensors(*configs, seed=seed))


def tokens(batch: int = 1) -> Tensor:
    """Chunks of tokens: start, some words, end, padding; int64 [batch, 77]."""
    row = torch.full((77,), 49407)
    row[0], row[1:4] = 49406, torch.tensor([320, 1125, 539])
    return row.repeat(batch, 1)

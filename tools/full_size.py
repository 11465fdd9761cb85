"""Makes files of full SD1.5 size with seeded random weights, to measure with. Nothing is trained.

    python -m tools.full_size CHECKPOINT [--dtype float16] [--seed 0]
    python -m tools.full_size --lora LORA [--rank 32] [--seed 0]

A checkpoint has the 860 M-parameter UNet, the ViT-L text encoder and the VAE in the original
layout: 2.1 GB in float16. A LoRA has kohya's default targets: the linear layers and 1x1
convolutions of the UNet's transformers, and those of the text encoder. Tensors are made and
written one after the other, so it takes little memory.
"""

import argparse
import json
from collections.abc import Iterable, Iterator
from math import prod, sqrt
from pathlib import Path

import torch
from torch import Tensor

from engine.lora.stems import stems
from engine.weights.configs import Config, TextConfig, UnetConfig, VaeConfig
from engine.weights.ldm import TEXT_PREFIX, UNET_PREFIX, VAE_PREFIX, names
from engine.weights.networks import build, live_name

SD15_UNET = UnetConfig((320, 640, 1280, 1280), (1, 1, 1, 0))
SD15_TEXT = TextConfig(768, 12, 3072)
SD15_VAE = VaeConfig((128, 256, 512, 512))

Shape = tuple[int, ...]
_NAMES = {torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32"}


def checkpoint_shapes(*parts: tuple[str, Config]) -> Iterator[tuple[str, Shape]]:
    """Names and shapes of a checkpoint file with the given (prefix, configuration) parts."""
    for prefix, config in parts:
        table = names(config)
        for name, shape in live_shapes(config).items():
            yield prefix + table.file_of[name], table.file_shape(name, shape)


def lora_shapes(rank: int, *configs: Config) -> Iterator[tuple[str, Shape]]:
    """Names and shapes of a LoRA with kohya's default targets on the given networks."""
    for config in configs:
        shapes = live_shapes(config)
        done: set[str] = set()
        for named in stems(config):
            stem, live = named.text, named.module
            shape = shapes[f"{live}.weight"]
            inner = live.partition(".attentions.")[2] or live.partition(".layers.")[2]
            if len(shape) < 2 or not inner or live in done:
                continue
            done.add(live)
            yield f"{stem}.alpha", ()
            yield f"{stem}.lora_down.weight", (rank, *shape[1:])
            yield f"{stem}.lora_up.weight", (shape[0], rank, *(1,) * (len(shape) - 2))


def live_shapes(config: Config) -> dict[str, Shape]:
    """Shapes of the parameters of the network of ``config``, by live name."""
    module = build(config)
    return {live_name(module, n): tuple(p.shape) for n, p in module.named_parameters()}


def write_random(
    path: Path, shapes: Iterable[tuple[str, Shape]], dtype: torch.dtype, seed: int
) -> None:
    """Write a safetensors file of random tensors of a scale that keeps activations finite."""
    listed = list(shapes)
    header, position = {}, 0
    for name, shape in listed:
        stop = position + prod(shape) * dtype.itemsize
        span = {"shape": list(shape), "data_offsets": [position, stop]}
        header[name] = {"dtype": _NAMES[dtype], **span}
        position = stop
    raw = json.dumps(header).encode()
    raw += b" " * (-len(raw) % 8)
    generator = torch.Generator().manual_seed(seed)
    with path.open("wb") as stream:
        stream.write(len(raw).to_bytes(8, "little") + raw)
        for name, shape in listed:
            tensor = _random(name, shape, generator).to(dtype)
            stream.write(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())


def _random(name: str, shape: Shape, generator: torch.Generator) -> Tensor:
    if name.endswith(".alpha"):
        return torch.ones(1).reshape(shape)
    if len(shape) < 2:
        return torch.full(shape, 1.0 if name.endswith("weight") else 0.0)
    if "embedding" in name:
        return 0.02 * torch.randn(shape, generator=generator)
    return torch.randn(shape, generator=generator) / sqrt(prod(shape[1:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Raw)
    parser.add_argument("checkpoint", type=Path, nargs="?")
    parser.add_argument("--lora", type=Path)
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dtype", choices=["float16", "bfloat16", "float32"], default="float16")
    given = parser.parse_args()
    dtype: torch.dtype = getattr(torch, given.dtype)
    if given.checkpoint:
        parts = ((UNET_PREFIX, SD15_UNET), (TEXT_PREFIX, SD15_TEXT), (VAE_PREFIX, SD15_VAE))
        write_random(given.checkpoint, checkpoint_shapes(*parts), dtype, given.seed)
    if given.lora:
        shapes = lora_shapes(given.rank, SD15_UNET, SD15_TEXT)
        write_random(given.lora, shapes, dtype, given.seed)


_Raw = argparse.RawDescriptionHelpFormatter

if __name__ == "__main__":
    main()

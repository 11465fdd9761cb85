"""Small files of weights in every layout and family, with seeded random weights, for tests."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.weights.choices import Choices
from engine.weights.configs import Config, TextConfig, UnetConfig, VaeConfig
from engine.weights.handles import WeightsFile
from engine.weights.layouts import Layout, places
from engine.weights.ldm import TEXT_PREFIX, UNET_PREFIX, VAE_PREFIX, names
from engine.weights.networks import Network, build, live_name, load_network
from engine.weights.part import Part

UNET = UnetConfig(widths=(32, 64), depths=(1, 0), resnets=1, context_width=64)
TEXT = TextConfig(width=64, layers=2, feed_forward=128, vocabulary=49408)
VAE = VaeConfig(widths=(32, 64), resnets=1)

# Every family, as small as its rules of detection allow.
SD2_UNET = UnetConfig((64, 64), (1, 0), 1, context_width=64, head_width=64, linear=True)
SD2_TEXT = TextConfig(64, 24, 128, kind="h", activation="gelu", projection=64)
SDXL_UNET = UnetConfig(
    (64, 64), (0, 2), 1, 2, context_width=128, head_width=64, linear=True, vector=64 + 6 * 256
)
REFINER_UNET = UnetConfig(
    (64, 64), (2, 0), 1, 2, context_width=64, head_width=64, linear=True, vector=64 + 5 * 256
)
SDXL_TEXT = TextConfig(64, 3, 128, kind="g", activation="gelu", projection=64)

L_PLACE = "conditioner.embedders.0.transformer."
G_PLACE = "conditioner.embedders.1.model."
REFINER_PLACE = "conditioner.embedders.0.model."
H_PLACE = "cond_stage_model.model."


@dataclass(frozen=True)
class Placed:
    """A network in a file: where, and in which layout."""

    config: Config
    layout: Layout = "ldm"
    prefix: str = ""


# A whole checkpoint of each family in the original layout.
FAMILIES: Mapping[str, tuple[Placed, ...]] = {
    "sd1": (
        Placed(UNET, prefix=UNET_PREFIX),
        Placed(TEXT, "diffusers", TEXT_PREFIX),
        Placed(VAE, prefix=VAE_PREFIX),
    ),
    "sd2": (
        Placed(SD2_UNET, prefix=UNET_PREFIX),
        Placed(SD2_TEXT, "openclip", H_PLACE),
        Placed(VAE, prefix=VAE_PREFIX),
    ),
    "sdxl": (
        Placed(SDXL_UNET, prefix=UNET_PREFIX),
        Placed(TEXT, "diffusers", L_PLACE),
        Placed(SDXL_TEXT, "openclip", G_PLACE),
        Placed(VAE, prefix=VAE_PREFIX),
    ),
    "sdxl_refiner": (
        Placed(REFINER_UNET, prefix=UNET_PREFIX),
        Placed(SDXL_TEXT, "openclip", REFINER_PLACE),
        Placed(VAE, prefix=VAE_PREFIX),
    ),
}

_PREFIXES = {UnetConfig: UNET_PREFIX, TextConfig: TEXT_PREFIX, VaeConfig: VAE_PREFIX}


def sd1_part(config: Config) -> Placed:
    """A network where an SD1 checkpoint has it."""
    layout: Layout = "diffusers" if isinstance(config, TextConfig) else "ldm"
    return Placed(config, layout, _PREFIXES[type(config)])


def live_shapes(config: Config) -> dict[str, tuple[int, ...]]:
    """Shapes of the parameters of a network, by live name."""
    module = build(config)
    return {live_name(module, own): tuple(p.shape) for own, p in module.named_parameters()}


def live_tensors(config: Config, seed: int = 0) -> dict[str, Tensor]:
    """Random weights of a network, by live name, float32."""
    generator = torch.Generator().manual_seed(seed)
    return {
        live: ("norm" in live and live.endswith("weight"))
        + 0.05 * torch.randn(shape, generator=generator)
        for live, shape in live_shapes(config).items()
    }


def stored(part: Placed, live: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights ``live`` of a network as a file of its layout holds them, by name."""
    config, found = part.config, dict[str, Tensor]()
    thirds: dict[str, dict[int, Tensor]] = {}
    for name, place in places(config, part.layout).items():
        tensor = live[name].t() if place.transposed else live[name]
        if part.layout == "ldm":
            tensor = tensor.reshape(names(config).file_shape(name, tuple(tensor.shape)))
        if place.third is None:
            found[part.prefix + place.name] = tensor
        else:
            thirds.setdefault(part.prefix + place.name, {})[place.third] = tensor
    fused = {name: torch.cat([parts[i] for i in range(3)]) for name, parts in thirds.items()}
    return found | fused


def file_tensors(parts: Iterable[Placed], seed: int = 0) -> dict[str, Tensor]:
    """Random weights of a file with the given networks."""
    return {
        name: tensor
        for part in parts
        for name, tensor in stored(part, live_tensors(part.config, seed)).items()
    }


def tiny_tensors(*configs: Config, seed: int = 0) -> dict[str, Tensor]:
    """Random weights of an SD1 checkpoint with the given parts; UNet, text and VAE by default."""
    return file_tensors([sd1_part(config) for config in configs or (UNET, TEXT, VAE)], seed)


def save(
    path: Path,
    tensors: Mapping[str, Tensor],
    dtype: torch.dtype = torch.float16,
    metadata: dict[str, str] | None = None,
) -> WeightsFile:
    """Write floating-point tensors as ``dtype``, others as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ready = {n: t.to(dtype) if t.is_floating_point() else t for n, t in tensors.items()}
    save_file({n: t.clone().contiguous() for n, t in ready.items()}, path, metadata)
    return WeightsFile.of(path)


def tiny_checkpoint(path: Path, *configs: Config, seed: int = 0) -> WeightsFile:
    """A float16 SD1 checkpoint with the given parts at ``path``."""
    return save(path, tiny_tensors(*configs, seed=seed))


def tiny_family(path: Path, family: str, seed: int = 0) -> WeightsFile:
    """A whole float16 checkpoint of a family at ``path``, in the original layout."""
    return save(path, file_tensors(FAMILIES[family], seed))


def tokens(batch: int = 1) -> Tensor:
    """Chunks of tokens: start, some words, end, padding; int64 [batch, 77]."""
    row = torch.full((77,), 49407)
    row[0], row[1:4] = 49406, torch.tensor([320, 1125, 539])
    return row.repeat(batch, 1)


T = TypeVar("T")


class AtHand:
    """A ``Lender`` whose network is always there."""

    def __init__(self, network: Network, room: int = 1 << 60) -> None:
        self.network = network
        self.room = room

    def __call__(self, work: Callable[[Network], T], needs: int = 0) -> T:
        return work(self.network)


def lend(part: Part[Config]) -> AtHand:
    """The network of ``part``, float32 on the CPU."""
    return AtHand(load_network(part, Choices().of(part.config)))

"""The Toy nodes of the sampling vectors as a pack: what their workflows sample, and with what."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from engine.graph.native import node
from engine.graph.run import Run
from engine.sampling.model import DiffusionModel
from engine.weights.autoencoder import Autoencoder
from nodes.types import (
    ANY,
    CONDITIONING,
    CONTROL_NET,
    IMAGE,
    LATENT,
    MASK,
    MODEL,
    SIGMAS,
    VAE,
)
from tests.engine.sampling.toy import conditioning, toy_latent, toy_model


@dataclass
class Kept:
    """What a workflow's nodes leave for who asked for the run.

    `models` are its toy models, which know what they were called with; `values` what its outputs
    gave, by name.
    """

    models: list[DiffusionModel] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)


@node("ToyModel", category="toys")
def model(
    *,
    run: Run,
    kind: str,
    latent_format: str | None = None,
    direct: bool | None = None,
    inpaint: bool | None = None,
    adm: bool | None = None,
) -> MODEL:
    """A closed-form denoiser of a kind of the manifest, as a network that takes more if asked for:
    mask and picture to inpaint, or the vector that comes with prompts.
    """
    found = toy_model(kind, latent_format or "identity", direct=direct is not False)
    if inpaint:
        found = replace(found, concat=("mask", "masked_image"))
    if adm:
        found = replace(found, adm=_pooled)
    run.service(Kept).models.append(found)
    return found  # type: ignore[return-value]


def _pooled(options: Mapping[str, Any], *, width: int, height: int, prompt_type: str) -> Tensor:
    found: Tensor = options["pooled_output"]
    return found


@node("ToyCond", category="toys")
def cond(*, tokens: ANY, pooled: ANY | None = None) -> CONDITIONING:
    """A prompt as it comes out of a text encoder."""
    ((context, _),) = conditioning(tokens)
    return [[context, {} if pooled is None else {"pooled_output": torch.tensor(pooled)}]]


@node("ToyLatent", category="toys")
def latent(
    *, zeros: ANY | None = None, key: str | None = None, batch_index: ANY | None = None
) -> LATENT:
    """Zeros of a shape, or a tensor of the inputs file."""
    samples = torch.zeros(zeros) if zeros is not None else toy_latent(key or "")
    return {"samples": samples} | ({"batch_index": list(batch_index)} if batch_index else {})


@node("ToyImage", category="toys")
def image(*, key: str) -> IMAGE:
    """A picture of the inputs file."""
    return toy_latent(key)


@node("ToyMask", category="toys")
def mask(*, key: str) -> MASK:
    """A mask of the inputs file."""
    return toy_latent(key)


@node("ToySigmas", category="toys")
def sigmas(*, values: ANY) -> SIGMAS:
    """Noise levels as they are given."""
    return torch.tensor(values, dtype=torch.float32)


@dataclass(frozen=True)
class ToyControlNet:
    """The control net of the manifest: the hint's brightness pulls everything up or down."""

    def __call__(
        self, x: Tensor, hint: Tensor, timestep: Tensor, context: Tensor, y: Tensor | None
    ) -> dict[str, list[Tensor | None]]:
        wide = x.double()
        g = avg_pool2d(hint.double(), 8).mean(1, keepdim=True)
        u = context.double().mean(1)[:, 0].view(-1, 1, 1, 1)
        given: dict[str, list[Tensor | None]] = {
            "input": [0.05 * wide.tanh()],
            "middle": [0.3 * g * u * wide.tanh()],
            "output": [0.1 * g * torch.ones_like(wide), None, 0.02 * g * wide.cos()],
        }
        return {
            name: [None if one is None else one.to(x) for one in tensors]
            for name, tensors in given.items()
        }


@node("ToyControlNet", category="toys")
def control_net() -> CONTROL_NET:
    """A control net that needs no file."""
    return ToyControlNet()


_ENCODE = ((0.9, 0.1, 0), (0, 0.8, -0.2), (-0.3, 0, 0.7), (0.4, 0.4, 0.4))
_DECODE = ((0.5, 0.1, -0.2, 0.3), (0, 0.6, 0.2, 0.1), (-0.1, 0, 0.7, 0.4))


@dataclass(frozen=True)
class ToyCodec:
    """The autoencoder of the manifest. Its means are over what each call receives, so that
    tiling shows.
    """

    factor: int = 8
    channels: int = 4
    room: int = 1 << 40

    def encode(self, colours: Tensor) -> Tensor:
        small = avg_pool2d(colours, self.factor)
        y = torch.einsum("lc,bchw->blhw", torch.tensor(_ENCODE), small)
        return y + 0.05 * y.mean((1, 2, 3), keepdim=True)

    def decode(self, latent: Tensor) -> Tensor:
        y = torch.einsum("cl,blhw->bchw", torch.tensor(_DECODE), latent)
        y = y - 0.1 * y.mean((1, 2, 3), keepdim=True)
        return y.repeat_interleave(self.factor, 2).repeat_interleave(self.factor, 3)

    def needs(self, work: str, pixels: int) -> int:
        return 0


@node("ToyVAE", category="toys")
def vae() -> VAE:
    """An autoencoder that needs no file."""
    return Autoencoder(ToyCodec())  # type: ignore[return-value]


@node("ToyKeep", category="toys", output=True)
def keep(*, run: Run, name: str, value: ANY) -> None:
    """An output of the workflow, under a name."""
    run.service(Kept).values[name] = value

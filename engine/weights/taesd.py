"""TAESD: a decoder of a few small convolutions, quick enough to look at a latent between two steps.

Bohan 2023, github.com/madebyollin/taesd. Its files hold the decoder alone, in the author's layout
or in that of diffusers.
"""

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor, nn

from engine.weights.errors import WeightsError
from engine.weights.handles import WeightsFile
from engine.weights.tensors import TensorFile, catalogue

# Model-space latent [B, C, h, w] to pictures in -1..1, float32 [B, 3, 8h, 8w] on the CPU.
Decode = Callable[[Tensor], Tensor]

_WIDTH = 64
_BLOCKS = (3, 3, 3, 1)
# What stands before the layers' names in a file of diffusers.
_DIFFUSERS = "decoder.layers."


@lru_cache(maxsize=4)
def taesd_decoder(file: WeightsFile, channels: int, device: torch.device) -> Decode:
    """The decoder in ``file`` for latents of ``channels``, living on ``device``.

    Raises:
        WeightsError: the file is unusable, or is no such decoder for such latents.
    """
    module = _module(channels)
    try:
        with torch.inference_mode(False):
            module.load_state_dict(_weights(file, module))
    except (KeyError, RuntimeError) as error:
        raise WeightsError(
            f"{file.name} is no TAESD decoder for latents with {channels} channels."
        ) from error
    module = module.to(device).eval().requires_grad_(False)

    def decode(latent: Tensor) -> Tensor:
        with torch.inference_mode():
            found: Tensor = module(latent.to(device, torch.float32))
        return found.cpu()

    return decode


def _module(channels: int) -> nn.Module:
    # Here, not above: a worker that sends no such previews never needs the library for them.
    from diffusers.models.autoencoders.vae import DecoderTiny  # noqa: PLC0415

    module: nn.Module = DecoderTiny(
        in_channels=channels,
        out_channels=3,
        num_blocks=_BLOCKS,
        block_out_channels=(_WIDTH,) * len(_BLOCKS),
        upsampling_scaling_factor=2,
        act_fn="relu",
        upsample_fn="nearest",
    )
    return module


def _weights(file: WeightsFile, module: nn.Module) -> dict[str, Tensor]:
    """The tensors by the names of ``module``. Raises KeyError for one that the file lacks."""
    author = f"{_DIFFUSERS}0.weight" not in catalogue(file).tensors
    with TensorFile(file) as tensors:
        return {
            name: tensors.read(_name(name, author=author), torch.float32)
            for name in module.state_dict()
        }


def _name(live: str, *, author: bool) -> str:
    """What a file calls the weight ``layers.N.rest``. The author counts the clamp before them."""
    number, _, rest = live.removeprefix("layers.").partition(".")
    return f"{int(number) + 1}.{rest}" if author else f"{_DIFFUSERS}{number}.{rest}"

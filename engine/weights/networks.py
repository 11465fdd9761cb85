"""Networks from diffusers and transformers, built empty from our configurations and then filled.

Nothing is asked of a hub and no second copy is made: a module is built without storage, and each
parameter is read from the file straight into the memory it will live in. What the networks are
called with is in ``calls.py``; which of them are in memory, in ``residency.py``.

The libraries are imported where a network is built, because that takes seconds and a process that
only lists nodes needs none.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.weights.cancel import Check, no_check
from engine.weights.checkpoint import Part
from engine.weights.configs import (
    NORM_GROUPS,
    Config,
    TextConfig,
    UnetConfig,
    VaeConfig,
)
from engine.weights.errors import WeightsError
from engine.weights.tensors import TensorFile


@dataclass(frozen=True, slots=True)
class Network:
    """A live module and its parameters by the live names of ``ldm.py``."""

    module: nn.Module
    parameters: Mapping[str, nn.Parameter]


def preload() -> None:
    """Import the network classes (seconds, mostly diffusers), so that the first use is quick."""
    build(UnetConfig(widths=(32,), attention=(True,), resnets=1, context_width=64))
    build(VaeConfig(widths=(32,), resnets=1))
    build(TextConfig(width=64, layers=1, feed_forward=64))


# Nodes run in inference mode; tensors born in it could not be patched outside of it.
@torch.inference_mode(False)
def load_network(
    part: Part[Config], device: torch.device, dtype: torch.dtype, check: Check = no_check
) -> Network:
    """Build the network of ``part`` and read its weights, tensor by tensor, into memory.

    ``check`` is called before each tensor; what it raises passes through.

    Raises:
        WeightsError: a tensor of the file does not have the shape that its network needs.
    """
    module = build(part.config)
    parameters: dict[str, nn.Parameter] = {}
    with TensorFile(part.file) as tensors:
        for own_name, empty in list(module.named_parameters()):
            check()
            live = live_name(module, own_name)
            if part.shape(live) != tuple(empty.shape):
                raise WeightsError(
                    f"{part.file.name}: {part.place(live)} has shape {list(part.shape(live))} "
                    f"where {list(empty.shape)} is needed; this kind of model is not supported."
                )
            layout = _memory_format(empty)
            value = torch.empty(empty.shape, dtype=dtype, device=device, memory_format=layout)
            tensors.read_into(part.place(live), value)
            parameters[live] = nn.Parameter(value, requires_grad=False)
            _put(module, own_name, parameters[live])
    return Network(module.eval(), parameters)


def live_name(module: nn.Module, own_name: str) -> str:
    """The name in ``ldm.py`` of a parameter that ``module``, made by ``build``, calls so.

    transformers >= 5.6 has no inner ``text_model`` any more; the table keeps it, as files do.
    """
    flattened = hasattr(module, "final_layer_norm")
    return f"text_model.{own_name}" if flattened else own_name


def _memory_format(weight: Tensor) -> torch.memory_format:
    """How a weight lies in memory: channels last for convolutions, which the CPU kernels like."""
    return torch.channels_last if weight.dim() == 4 else torch.contiguous_format


def build(config: Config) -> nn.Module:
    """The empty network of ``config``: parameters without storage, buffers filled."""
    with torch.device("meta"):
        if isinstance(config, UnetConfig):
            return _unet(config)
        if isinstance(config, VaeConfig):
            return _vae(config)
        text = _text(config)
    for name, buffer in list(text.named_buffers()):
        # The only buffer is the list of positions 0, 1, ..., which no file needs to hold.
        owner, _, leaf = name.rpartition(".")
        positions = torch.arange(buffer.shape[-1]).expand(buffer.shape)
        text.get_submodule(owner).register_buffer(leaf, positions, persistent=False)
    return text


def _unet(config: UnetConfig) -> nn.Module:
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel  # noqa: PLC0415

    down = ["CrossAttnDownBlock2D" if a else "DownBlock2D" for a in config.attention]
    up = ["CrossAttnUpBlock2D" if a else "UpBlock2D" for a in reversed(config.attention)]
    module: nn.Module = UNet2DConditionModel(
        in_channels=config.channels,
        out_channels=config.channels,
        block_out_channels=config.widths,
        down_block_types=tuple(down),
        up_block_types=tuple(up),
        layers_per_block=config.resnets,
        cross_attention_dim=config.context_width,
        attention_head_dim=config.heads,  # the library's name for the number of heads
        norm_num_groups=NORM_GROUPS,
    )
    return module


def _vae(config: VaeConfig) -> nn.Module:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL  # noqa: PLC0415

    levels = len(config.widths)
    module: nn.Module = AutoencoderKL(
        block_out_channels=config.widths,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        layers_per_block=config.resnets,
        latent_channels=config.latent_channels,
        norm_num_groups=NORM_GROUPS,
    )
    return module


def _text(config: TextConfig) -> nn.Module:
    from transformers.models.clip.configuration_clip import CLIPTextConfig  # noqa: PLC0415
    from transformers.models.clip.modeling_clip import CLIPTextModel  # noqa: PLC0415

    module: nn.Module = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=config.vocabulary,
            hidden_size=config.width,
            intermediate_size=config.feed_forward,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            max_position_embeddings=config.positions,
            hidden_act="quick_gelu",
        )
    )
    return module


def _put(module: nn.Module, name: str, parameter: nn.Parameter) -> None:
    owner, _, leaf = name.rpartition(".")
    setattr(module.get_submodule(owner), leaf, parameter)

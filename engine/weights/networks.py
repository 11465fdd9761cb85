"""Networks from diffusers and transformers, built empty from our configurations and then filled.

Nothing is asked of a hub and no second copy is made: a module is built without storage, and each
parameter is read from the file straight into the memory it will live in. What the networks are
called with is in ``calls.py``; which of them are in memory, in ``residency.py``.

The libraries are imported where a network is built, because that takes seconds and a process that
only lists nodes needs none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from engine.weights.cancel import Check, no_check
from engine.weights.choices import EIGHT_BITS, Choice
from engine.weights.configs import (
    LATENT_CHANNELS,
    NORM_GROUPS,
    Config,
    TextConfig,
    UnetConfig,
    VaeConfig,
)
from engine.weights.errors import WeightsError
from engine.weights.part import Part
from engine.weights.streaming import Stream
from engine.weights.tensors import TensorFile


@dataclass(frozen=True, slots=True)
class Network:
    """A live module and its parameters by the live names of ``ldm.py``.

    ``stream`` brings the weights to where the module computes; None when they are there.
    """

    module: nn.Module
    parameters: Mapping[str, nn.Parameter]
    choice: Choice
    stream: Stream | None = None

    def ready(self, batch: Tensor) -> Tensor:
        """``batch`` as the module takes it: its device, type and layout."""
        if batch.dim() == 4:
            layout = self.choice.memory_format
            return batch.to(self.choice.device, self.choice.dtype, memory_format=layout)
        return batch.to(self.choice.device, self.choice.dtype)

    @property
    def bytes(self) -> int:
        """What its weights take where they rest."""
        return sum(parameter.nbytes for parameter in self.parameters.values())


def preload() -> None:
    """Import the network classes (seconds, mostly diffusers), so that the first use is quick."""
    build(UnetConfig(widths=(32,), depths=(1,), resnets=1, context_width=64))
    build(VaeConfig(widths=(32,), resnets=1))
    build(TextConfig(width=64, layers=1, feed_forward=64))


# Nodes run in inference mode; tensors born in it could not be patched outside of it.
@torch.inference_mode(False)
def load_network(part: Part[Config], choice: Choice, check: Check = no_check) -> Network:
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
            place = part.place(live)
            if part.shape(live) != tuple(empty.shape):
                raise WeightsError(
                    f"{part.file.name}: {place.name} has shape {list(part.shape(live))} "
                    f"where {list(empty.shape)} is needed; this kind of model is not supported."
                )
            value = _room_for(empty, choice)
            if value.dtype in EIGHT_BITS:
                exact = torch.empty(empty.shape, dtype=torch.float32)
                tensors.read_into(place, exact)
                keep(value, exact)
            else:
                tensors.read_into(place, value)
            parameters[live] = nn.Parameter(value, requires_grad=False)
            _put(module, own_name, parameters[live])
    for name, buffer in module.named_buffers():
        owner, _, leaf = name.rpartition(".")
        module.get_submodule(owner).register_buffer(leaf, buffer.to(choice.device), False)
    stream = Stream(module.eval(), choice) if choice.streams else None
    return Network(module.eval(), parameters, choice, stream)


def _room_for(empty: Tensor, choice: Choice) -> Tensor:
    """Memory for a weight of the shape of ``empty``, where and how ``choice`` keeps it."""
    # What is no matrix is small, and 8 bits are too few for norms.
    small = empty.dim() < 2 and choice.stored in EIGHT_BITS
    layout = choice.memory_format if empty.dim() == 4 else torch.contiguous_format
    return torch.empty(
        empty.shape,
        dtype=choice.dtype if small else choice.stored,
        device=choice.home,
        memory_format=layout,
        pin_memory=choice.home.type == "cpu" and choice.device.type == "cuda",
    )


def keep(live: Tensor, exact: Tensor) -> None:
    """Write ``exact``, rounded once, into a live weight; 8-bit types take their largest value for
    what is beyond them, where a plain conversion gives NaN.
    """
    if live.dtype in EIGHT_BITS:
        limits = torch.finfo(live.dtype)
        exact = exact.clamp(limits.min, limits.max)
    live.copy_(exact)


def live_name(module: nn.Module, own_name: str) -> str:
    """The name in ``ldm.py`` of a parameter that ``module``, made by ``build``, calls so.

    transformers >= 5.6 has no inner ``text_model`` any more; the table keeps it, as files do.
    """
    flattened = hasattr(module, "final_layer_norm") and not own_name.startswith("text_projection")
    return f"text_model.{own_name}" if flattened else own_name


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

    down = ["CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in config.depths]
    up = ["CrossAttnUpBlock2D" if depth else "UpBlock2D" for depth in reversed(config.depths)]
    # The library takes the depth of the middle block from the last level, where it says nothing
    # else when that level has no attention.
    depths = (*(depth or 1 for depth in config.depths[:-1]), config.middle)
    vector: dict[str, Any] = {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": config.vector,
    }
    module: nn.Module = UNet2DConditionModel(
        in_channels=config.channels,
        out_channels=LATENT_CHANNELS,
        block_out_channels=config.widths,
        down_block_types=tuple(down),
        up_block_types=tuple(up),
        layers_per_block=config.resnets,
        cross_attention_dim=config.context_width,
        # The library's name for the number of heads.
        attention_head_dim=tuple(max(1, config.heads_of(width)) for width in config.widths),
        transformer_layers_per_block=depths,
        use_linear_projection=config.linear,
        norm_num_groups=NORM_GROUPS,
        **(vector if config.vector else {}),
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
            hidden_act=config.activation,
        )
    )
    if config.projection:
        # The library has it in another class, whose pooled vector is not the one that is wanted.
        module.text_projection = nn.Linear(config.width, config.projection, bias=False)
    return module


def _put(module: nn.Module, name: str, parameter: nn.Parameter) -> None:
    owner, _, leaf = name.rpartition(".")
    setattr(module.get_submodule(owner), leaf, parameter)

"""Names of parameters: the original (LDM) checkpoint layout against diffusers and transformers.

One ``NameMap`` per network, computed from its configuration, so that any width and depth has the
right table. A *file* name is what a checkpoint uses, without the prefix of its part; a *live* name
is what the module has in Python. Layouts that cannot be told by a pair of names, and which layout a
file has, are the business of ``layouts.py``. No torch, no shapes except the one rule about 1x1
convolutions.

Source: the block table in section 2.3 of the LoRA specification, and the module names of
diffusers' ``UNet2DConditionModel`` and ``AutoencoderKL`` (Apache-2.0) and of transformers'
``CLIPTextModel`` (Apache-2.0).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from engine.weights.configs import Config, TextConfig, UnetConfig, VaeConfig

UNET_PREFIX = "model.diffusion_model."
VAE_PREFIX = "first_stage_model."
TEXT_PREFIX = "cond_stage_model.transformer."


@dataclass(frozen=True, slots=True)
class Pair:
    """One module that holds weights, by both of its names."""

    file: str
    live: str
    bias: bool = True
    # The file keeps this weight as a 1x1 convolution [out, in, 1, 1], the live module is linear.
    conv1x1: bool = False


@dataclass(frozen=True)
class NameMap:
    """All modules of one network, in the order of the file layout."""

    pairs: tuple[Pair, ...]

    @cached_property
    def file_of(self) -> Mapping[str, str]:
        """Live parameter name to file parameter name, e.g. ``conv_in.bias``."""
        return dict(self._parameters())

    @cached_property
    def live_of(self) -> Mapping[str, str]:
        """File parameter name to live parameter name."""
        return {file: live for live, file in self._parameters()}

    def file_shape(self, live: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape that parameter ``live`` of shape ``shape`` has in the file layout."""
        return (*shape, 1, 1) if live in self._conv1x1 and len(shape) == 2 else shape

    def live_shape(self, live: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of live parameter ``live`` whose shape in the file is ``shape``."""
        squeeze = live in self._conv1x1 and len(shape) == 4 and shape[2:] == (1, 1)
        return shape[:2] if squeeze else shape

    @cached_property
    def _conv1x1(self) -> frozenset[str]:
        return frozenset(f"{pair.live}.weight" for pair in self.pairs if pair.conv1x1)

    def _parameters(self) -> Iterator[tuple[str, str]]:
        for pair in self.pairs:
            yield f"{pair.live}.weight", f"{pair.file}.weight"
            if pair.bias:
                yield f"{pair.live}.bias", f"{pair.file}.bias"


@lru_cache(maxsize=64)
def names(config: Config) -> NameMap:
    """The name map of the network that ``config`` describes."""
    if isinstance(config, UnetConfig):
        return NameMap(tuple(_unet(config)))
    if isinstance(config, VaeConfig):
        return NameMap(tuple(_vae(config)))
    return NameMap(tuple(_text(config)))


# UNet ---------------------------------------------------------------------------------------------


def _unet(config: UnetConfig) -> Iterator[Pair]:
    yield Pair("time_embed.0", "time_embedding.linear_1")
    yield Pair("time_embed.2", "time_embedding.linear_2")
    if config.vector:
        yield Pair("label_emb.0.0", "add_embedding.linear_1")
        yield Pair("label_emb.0.2", "add_embedding.linear_2")
    yield Pair("input_blocks.0.0", "conv_in")
    yield from _unet_down(config)
    yield from _unet_resnet("middle_block.0", "mid_block.resnets.0", shortcut=False)
    yield from _transformer("middle_block.1", "mid_block.attentions.0", config.middle)
    yield from _unet_resnet("middle_block.2", "mid_block.resnets.1", shortcut=False)
    yield from _unet_up(config)
    yield Pair("out.0", "conv_norm_out")
    yield Pair("out.2", "conv_out")


def _unet_down(config: UnetConfig) -> Iterator[Pair]:
    last = len(config.widths) - 1
    stride = config.resnets + 1  # blocks per level: its residual blocks and the downsampler
    before = config.widths[0]
    for level, width in enumerate(config.widths):
        for j in range(config.resnets):
            file, live = f"input_blocks.{stride * level + j + 1}", f"down_blocks.{level}"
            yield from _unet_resnet(f"{file}.0", f"{live}.resnets.{j}", shortcut=before != width)
            before = width
            yield from _transformer(f"{file}.1", f"{live}.attentions.{j}", config.depths[level])
        if level != last:
            down = f"input_blocks.{stride * (level + 1)}.0.op"
            yield Pair(down, f"down_blocks.{level}.downsamplers.0.conv")


def _unet_up(config: UnetConfig) -> Iterator[Pair]:
    last = len(config.widths) - 1
    stride = config.resnets + 1
    for block, depth in enumerate(reversed(config.depths)):
        for j in range(stride):
            file, live = f"output_blocks.{stride * block + j}", f"up_blocks.{block}"
            # The skip connection is concatenated, so the width always changes here.
            yield from _unet_resnet(f"{file}.0", f"{live}.resnets.{j}", shortcut=True)
            yield from _transformer(f"{file}.1", f"{live}.attentions.{j}", depth)
        if block != last:
            place = 2 if depth else 1
            up = f"output_blocks.{stride * block + config.resnets}.{place}.conv"
            yield Pair(up, f"up_blocks.{block}.upsamplers.0.conv")


def _unet_resnet(file: str, live: str, *, shortcut: bool) -> Iterator[Pair]:
    yield Pair(f"{file}.in_layers.0", f"{live}.norm1")
    yield Pair(f"{file}.in_layers.2", f"{live}.conv1")
    yield Pair(f"{file}.emb_layers.1", f"{live}.time_emb_proj")
    yield Pair(f"{file}.out_layers.0", f"{live}.norm2")
    yield Pair(f"{file}.out_layers.3", f"{live}.conv2")
    if shortcut:
        yield Pair(f"{file}.skip_connection", f"{live}.conv_shortcut")


def _transformer(file: str, live: str, depth: int) -> Iterator[Pair]:
    """A spatial transformer of ``depth`` layers; both layouts use the same names inside it."""
    if not depth:
        return
    yield Pair(f"{file}.norm", f"{live}.norm")
    yield Pair(f"{file}.proj_in", f"{live}.proj_in")
    for layer in range(depth):
        inner = f"transformer_blocks.{layer}"
        for attention, norm in (("attn1", "norm1"), ("attn2", "norm2")):
            yield Pair(f"{file}.{inner}.{norm}", f"{live}.{inner}.{norm}")
            for name in ("to_q", "to_k", "to_v"):
                path = f"{inner}.{attention}.{name}"
                yield Pair(f"{file}.{path}", f"{live}.{path}", bias=False)
            path = f"{inner}.{attention}.to_out.0"
            yield Pair(f"{file}.{path}", f"{live}.{path}")
        for name in ("norm3", "ff.net.0.proj", "ff.net.2"):
            yield Pair(f"{file}.{inner}.{name}", f"{live}.{inner}.{name}")
    yield Pair(f"{file}.proj_out", f"{live}.proj_out")


# VAE ----------------------------------------------------------------------------------------------


def _vae(config: VaeConfig) -> Iterator[Pair]:
    yield from _vae_encoder(config)
    yield from _vae_decoder(config)
    yield Pair("quant_conv", "quant_conv")
    yield Pair("post_quant_conv", "post_quant_conv")


def _vae_encoder(config: VaeConfig) -> Iterator[Pair]:
    last = len(config.widths) - 1
    before = config.widths[0]
    yield Pair("encoder.conv_in", "encoder.conv_in")
    for level, width in enumerate(config.widths):
        file, live = f"encoder.down.{level}", f"encoder.down_blocks.{level}"
        for j in range(config.resnets):
            shortcut = before != width
            yield from _vae_resnet(f"{file}.block.{j}", f"{live}.resnets.{j}", shortcut=shortcut)
            before = width
        if level != last:
            yield Pair(f"{file}.downsample.conv", f"{live}.downsamplers.0.conv")
    yield from _vae_ends("encoder")


def _vae_decoder(config: VaeConfig) -> Iterator[Pair]:
    last = len(config.widths) - 1
    before = config.widths[-1]
    yield Pair("decoder.conv_in", "decoder.conv_in")
    for block, width in enumerate(reversed(config.widths)):
        # The file counts the decoder's levels from the finest, diffusers from the coarsest.
        file, live = f"decoder.up.{last - block}", f"decoder.up_blocks.{block}"
        for j in range(config.resnets + 1):
            shortcut = before != width
            yield from _vae_resnet(f"{file}.block.{j}", f"{live}.resnets.{j}", shortcut=shortcut)
            before = width
        if block != last:
            yield Pair(f"{file}.upsample.conv", f"{live}.upsamplers.0.conv")
    yield from _vae_ends("decoder")


def _vae_ends(half: str) -> Iterator[Pair]:
    """The middle and the output of one half of the autoencoder."""
    yield from _vae_resnet(f"{half}.mid.block_1", f"{half}.mid_block.resnets.0", shortcut=False)
    file, live = f"{half}.mid.attn_1", f"{half}.mid_block.attentions.0"
    yield Pair(f"{file}.norm", f"{live}.group_norm")
    for old, new in (("q", "to_q"), ("k", "to_k"), ("v", "to_v"), ("proj_out", "to_out.0")):
        yield Pair(f"{file}.{old}", f"{live}.{new}", conv1x1=True)
    yield from _vae_resnet(f"{half}.mid.block_2", f"{half}.mid_block.resnets.1", shortcut=False)
    yield Pair(f"{half}.norm_out", f"{half}.conv_norm_out")
    yield Pair(f"{half}.conv_out", f"{half}.conv_out")


def _vae_resnet(file: str, live: str, *, shortcut: bool) -> Iterator[Pair]:
    for name in ("norm1", "conv1", "norm2", "conv2"):
        yield Pair(f"{file}.{name}", f"{live}.{name}")
    if shortcut:
        yield Pair(f"{file}.nin_shortcut", f"{live}.conv_shortcut")


# Text ---------------------------------------------------------------------------------------------


def _text(config: TextConfig) -> Iterator[Pair]:
    """File and live names are the same, with ``text_model.`` in front.

    transformers >= 5.6 dropped that prefix from ``CLIPTextModel``; ``networks.py`` allows for it.
    """
    root = "text_model"
    for name in ("embeddings.token_embedding", "embeddings.position_embedding"):
        yield Pair(f"{root}.{name}", f"{root}.{name}", bias=False)
    inner = ("layer_norm1", "layer_norm2", "mlp.fc1", "mlp.fc2")
    attention = tuple(f"self_attn.{name}_proj" for name in ("q", "k", "v", "out"))
    for layer in range(config.layers):
        for name in (*inner, *attention):
            path = f"{root}.encoder.layers.{layer}.{name}"
            yield Pair(path, path)
    yield Pair(f"{root}.final_layer_norm", f"{root}.final_layer_norm")
    if config.projection:
        yield Pair("text_projection", "text_projection", bias=False)

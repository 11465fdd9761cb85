"""What a network of the SD1 family looks like: the numbers that differ between files.

Facts that are the same in every SD1 file are constants and defaults. How a configuration is read
off a file is in ``detect.py``; how a network is built from one, in ``networks.py``. No torch.
"""

from dataclasses import dataclass

NORM_GROUPS = 32
LATENT_CHANNELS = 4


@dataclass(frozen=True, slots=True)
class UnetConfig:
    """A UNet of the SD1 kind: one transformer block per attention, 1x1 convolutions around it.

    Attributes:
        widths: channels of each level, the finest first; (320, 640, 1280, 1280) in SD1.5.
        attention: for each level, whether its residual blocks are followed by attention.
        resnets: residual blocks per level on the way down; the way up has one more.
        context_width: channels of the text conditioning; 768 in SD1.5.
        channels: channels of the latent it reads and of the noise it predicts.
        heads: of every attention, whatever its width.
    """

    widths: tuple[int, ...]
    attention: tuple[bool, ...]
    resnets: int = 2
    context_width: int = 768
    channels: int = LATENT_CHANNELS
    heads: int = 8


@dataclass(frozen=True, slots=True)
class VaeConfig:
    """A KL autoencoder with one attention in the middle of its encoder and of its decoder.

    Attributes:
        widths: channels of each level, the finest first; (128, 256, 512, 512) in SD1.5.
        resnets: residual blocks per level in the encoder; the decoder has one more.
    """

    widths: tuple[int, ...]
    resnets: int = 2
    latent_channels: int = LATENT_CHANNELS

    @property
    def factor(self) -> int:
        """Pixels per latent cell along one side."""
        return 1 << (len(self.widths) - 1)


@dataclass(frozen=True, slots=True)
class TextConfig:
    """A CLIP text network: causal, with quick_gelu.

    Attributes:
        width: channels of a token.
        feed_forward: channels inside the feed-forward part of a layer.
        head_width: channels of an attention head; every CLIP has 64.
    """

    width: int
    layers: int
    feed_forward: int
    vocabulary: int = 49408
    positions: int = 77
    head_width: int = 64

    @property
    def heads(self) -> int:
        return self.width // self.head_width


Config = UnetConfig | VaeConfig | TextConfig

"""What a network of the Stable Diffusion family looks like: the numbers that differ between files.

Facts that are the same in every file of the family are constants and defaults. How a configuration
is read off a file is in ``detect.py``; how a network is built from one, in ``networks.py``. No
torch.
"""

from dataclasses import dataclass
from typing import Literal

NORM_GROUPS = 32
LATENT_CHANNELS = 4


@dataclass(frozen=True, slots=True)
class UnetConfig:
    """A UNet: residual blocks, most of them followed by attention over pixels and text.

    Attributes:
        widths: channels of each level, the finest first; (320, 640, 1280, 1280) in SD1.5.
        depths: for each level, how many transformer layers follow each residual block; 0 is no
            attention. (1, 1, 1, 0) in SD1 and SD2, (0, 2, 10) in SDXL.
        resnets: residual blocks per level on the way down; the way up has one more.
        middle: transformer layers in the middle block.
        context_width: channels of the text conditioning; 768 in SD1.5.
        channels: channels it reads: 4 of the latent, 9 with mask and picture to inpaint, 8 with a
            picture to edit.
        heads: of every attention, whatever its width, unless ``head_width`` says otherwise.
        head_width: channels of a head; 0 where their number is fixed.
        linear: whether attention is entered and left by linear layers, not 1x1 convolutions.
        vector: length of the vector beside the text (pooled text and sizes); 0 for none.
    """

    widths: tuple[int, ...]
    depths: tuple[int, ...]
    resnets: int = 2
    middle: int = 1
    context_width: int = 768
    channels: int = LATENT_CHANNELS
    heads: int = 8
    head_width: int = 0
    linear: bool = False
    vector: int = 0

    def heads_of(self, width: int) -> int:
        """How many heads an attention over ``width`` channels has."""
        return width // self.head_width if self.head_width else self.heads


@dataclass(frozen=True, slots=True)
class VaeConfig:
    """A KL autoencoder with one attention in the middle of its encoder and of its decoder.

    Attributes:
        widths: channels of each level, the finest first; (128, 256, 512, 512) in SD1.5 and SDXL.
        resnets: residual blocks per level in the encoder; the decoder has one more.
    """

    widths: tuple[int, ...]
    resnets: int = 2
    latent_channels: int = LATENT_CHANNELS

    @property
    def factor(self) -> int:
        """Pixels per latent cell along one side."""
        return 1 << (len(self.widths) - 1)


# The text networks of the family: CLIP-L, OpenCLIP-H and OpenCLIP-G.
TextKind = Literal["l", "h", "g"]


@dataclass(frozen=True, slots=True)
class TextConfig:
    """A CLIP text network: causal, normed before each part and once at the end.

    Attributes:
        width: channels of a token.
        feed_forward: channels inside the feed-forward part of a layer.
        kind: which of the family's text networks it is.
        activation: of the feed-forward part, by its name in transformers.
        projection: length of the pooled vector after its projection; 0 for none.
        omitted: layers at the end that the file leaves out, because nobody asks for their output.
        head_width: channels of an attention head; every CLIP has 64.
    """

    width: int
    layers: int
    feed_forward: int
    vocabulary: int = 49408
    positions: int = 77
    kind: TextKind = "l"
    activation: Literal["quick_gelu", "gelu"] = "quick_gelu"
    projection: int = 0
    omitted: int = 0
    head_width: int = 64

    @property
    def heads(self) -> int:
        return self.width // self.head_width


Config = UnetConfig | VaeConfig | TextConfig

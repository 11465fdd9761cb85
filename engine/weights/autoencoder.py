"""Pictures to latents and back: an autoencoder as plain functions, in tiles where memory is short.

What a network does with one batch is a ``Codec``; cutting, scaling, batches, tiles and what is said
of bad input are here, the same for every codec. Latents are unscaled, as they are on LATENT links.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from engine.weights.configs import VaeConfig
from engine.weights.errors import WeightsError
from engine.weights.finite import all_finite
from engine.weights.lending import Lender
from engine.weights.memory import OutOfMemory, decode_bytes, encode_bytes, in_words
from engine.weights.networks import Network
from engine.weights.tiling import Tiles, decode_tiled, encode_tiled

# Pixels decoded or encoded at a time: bounds the memory that a batch takes.
_PIXELS_AT_ONCE = 512 * 512
# What memory decides when nobody asks for tiles.
_TILES = Tiles(tile=512, overlap=64)
# What tiles leave behind for each pixel: two pictures of three colours, and weights, as float32.
_HELD_PER_PIXEL = 4 * 8

Work = Literal["decode", "encode"]
_log = logging.getLogger(__name__)


class Codec(Protocol):
    """An autoencoder on plain batches; ``factor`` pixels are a cell along one side."""

    @property
    def factor(self) -> int: ...

    @property
    def channels(self) -> int:
        """Of a latent."""
        ...

    def decode(self, latent: Tensor) -> Tensor:
        """float32 [B, channels, h, w] to colours around -1..1, float32 [B, 3, H, W]."""
        ...

    def encode(self, colours: Tensor) -> Tensor:
        """Colours in -1..1, float32 [B, 3, H, W], to the posterior mean, float32 like a latent."""
        ...

    @property
    def room(self) -> int:
        """Bytes that a call can have."""
        ...

    def needs(self, work: Work, pixels: int) -> int:
        """Bytes that it takes to do ``work`` with a picture of ``pixels`` in one piece."""
        ...


class VaeCodec:
    """The KL autoencoder of the Stable Diffusion family.

    ``exact`` lends the same network in float32, for when what ``lend`` gives overflows.
    """

    def __init__(self, lend: Lender, config: VaeConfig, exact: Lender | None = None) -> None:
        self._lend = lend
        self._exact = exact
        self._config = config
        self.factor = config.factor
        self.channels = config.latent_channels

    @property
    def room(self) -> int:
        return self._lend.room

    def needs(self, work: Work, pixels: int) -> int:
        estimate = decode_bytes if work == "decode" else encode_bytes
        return estimate(self._config, pixels)

    def decode(self, latent: Tensor) -> Tensor:
        pixels = latent.shape[0] * latent.shape[2] * latent.shape[3] * self.factor**2
        return self._finite(partial(_decode, latent), self.needs("decode", pixels))

    def encode(self, colours: Tensor) -> Tensor:
        pixels = colours.shape[0] * colours.shape[2] * colours.shape[3]
        return self._finite(partial(_encode, colours), self.needs("encode", pixels))

    def _finite(self, work: Callable[[Network], Tensor], needs: int) -> Tensor:
        done = self._lend(work, needs)
        if self._exact is None or all_finite(done):
            return done
        _log.warning("The VAE overflows in the type it computes in; it goes on in float32.")
        self._lend, self._exact = self._exact, None
        return self._lend(work, needs)


def _decode(latent: Tensor, network: Network) -> Tensor:
    module: Any = network.module
    (colours,) = module.decode(network.ready(latent), return_dict=False)
    return torch.as_tensor(colours).float().cpu()


def _encode(colours: Tensor, network: Network) -> Tensor:
    module: Any = network.module
    (posterior,) = module.encode(network.ready(colours), return_dict=False)
    return torch.as_tensor(posterior.mean).float().cpu().contiguous()


class Autoencoder:
    """Pictures to latents and back.

    Attributes:
        factor: pixels per latent cell along one side, 8 in Stable Diffusion.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self.factor = codec.factor

    @torch.no_grad()
    def decode(self, latent: Tensor, tiles: Tiles | None = None) -> Tensor:
        """Latent [B, 4, h, w] to pictures, float32 [B, h * factor, w * factor, 3] in 0..1.

        ``tiles`` asks for tiles; without it they are used where memory is short.

        Raises:
            ValueError: the latent is not of this autoencoder's family, or not finite.
            WeightsError: the pictures are not finite, or memory does not suffice even for tiles.
        """
        self._check_shape(latent)
        height, width = latent.shape[2] * self.factor, latent.shape[3] * self.factor
        self._check_room("decode", len(latent), height, width)
        if not all_finite(latent):
            raise ValueError(
                "The latent holds values that are not numbers (NaN or infinite): the model that "
                "made it has damaged weights, or computes with too little precision; try "
                "--force-fp32."
            )
        colours = self._done("decode", latent, (height, width), tiles)
        _check_finite(colours, "picture")
        return ((colours + 1) / 2).clamp_(0, 1).movedim(1, -1).contiguous()

    @torch.no_grad()
    def encode(self, image: Tensor, tiles: Tiles | None = None) -> Tensor:
        """Pictures [B, H, W, 3 or more] in 0..1 to the posterior mean, float32 [B, 4, h, w].

        Sides that are no multiple of ``factor`` are cut to one, the same on both ends. ``tiles``
        and what is raised are those of ``decode``.
        """
        height, width = image.shape[1:3]
        if min(height, width) < self.factor:
            raise ValueError(
                f"The picture is {width} x {height} pixels; a VAE takes at least "
                f"{self.factor} x {self.factor}. Scale it up."
            )
        self._check_room("encode", len(image), height, width)
        colours = self._cropped(image)[..., :3].movedim(-1, 1) * 2 - 1
        latent = self._done("encode", colours, (colours.shape[2], colours.shape[3]), tiles)
        _check_finite(latent, "latent")
        return latent

    def _done(
        self, work: Work, batch: Tensor, size: tuple[int, int], tiles: Tiles | None
    ) -> Tensor:
        """``batch`` in one piece if there is room and nobody asks for tiles, else in tiles.

        ``size`` is height and width of a picture in pixels.
        """
        whole = self._codec.decode if work == "decode" else self._codec.encode
        pixels = size[0] * size[1]
        if tiles is None and self._codec.needs(work, pixels) <= self._codec.room:
            try:
                return torch.cat([whole(piece) for piece in _pieces(batch, pixels)])
            except OutOfMemory as error:
                _log.warning("%s It goes on in tiles.", error)
        tiled = decode_tiled if work == "decode" else encode_tiled
        chosen = tiles or _TILES
        each = torch.split(batch, 1)
        return torch.cat([tiled(whole, one, tiles=chosen, factor=self.factor) for one in each])

    def _check_shape(self, latent: Tensor) -> None:
        if latent.ndim != 4 or latent.shape[1] != self._codec.channels or not latent.numel():
            raise ValueError(
                f"The latent has the shape {list(latent.shape)}; this VAE takes [batch, "
                f"{self._codec.channels}, height / {self.factor}, width / {self.factor}]. It was "
                "made by a model of another family: connect the VAE of the same checkpoint."
            )

    def _check_room(self, work: Work, batch: int, height: int, width: int) -> None:
        held = batch * height * width * _HELD_PER_PIXEL
        if held > self._codec.room:
            raise OutOfMemory(
                f"To {work} {batch} pictures of {width} x {height} pixels takes {in_words(held)} "
                f"even in tiles, and {in_words(self._codec.room)} are there. Take a smaller "
                "picture or batch."
            )

    def _cropped(self, image: Tensor) -> Tensor:
        height, width = image.shape[1:3]
        top, left = (height % self.factor) // 2, (width % self.factor) // 2
        height -= height % self.factor
        width -= width % self.factor
        return image[:, top : top + height, left : left + width]


def _pieces(batch: Tensor, pixels: int) -> tuple[Tensor, ...]:
    return torch.split(batch, max(1, _PIXELS_AT_ONCE // max(1, pixels)))


def _check_finite(result: Tensor, what: str) -> None:
    if not all_finite(result):
        raise WeightsError(
            f"The VAE gives a {what} with values that are not numbers (NaN or infinite). Its "
            "weights are damaged, or the precision is too small: try --fp32-vae."
        )

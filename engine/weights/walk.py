"""One pass through a UNet, block by block, with the places where control nets and patches act.

The modules are diffusers'; the order of their calls is this file's, because what is added inside a
network is defined by the blocks of original (ldm) checkpoints: input blocks, a middle block, output
blocks. Without control and patches the result is that of the library's own forward, bit for bit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from engine.weights.attention import attend, patched_attend
from engine.weights.sites import Patches, Site

NO_PATCHES = Patches()
Control = Mapping[str, Sequence[Tensor | None]]


@dataclass(slots=True)
class _Block:
    """The block that is being run, for whoever asks where he is."""

    block: Any = "input"  # Literal of Site
    number: int = 0
    layer: int = 0


@dataclass(slots=True)
class Walk:
    """The pass of one batch.

    Attributes:
        module: diffusers' ``UNet2DConditionModel``.
        context: text conditioning, [B, T, D].
        patches: what acts inside; ``patches.call`` is set when there is any.
        upcast: whether attention is computed in float32.
    """

    module: Any
    context: Tensor
    control: Control | None = None
    patches: Patches = NO_PATCHES
    upcast: bool = False
    _emb: Tensor = field(init=False)
    _latent: tuple[int, int] = field(init=False)
    _at: _Block = field(init=False, default_factory=_Block)
    _transformers: int = field(init=False, default=0)
    _left: dict[str, list[Tensor | None]] = field(init=False, default_factory=dict)

    def __call__(self, x: Tensor, timestep: Tensor, y: Tensor | None = None) -> Tensor:
        """[B, channels, h, w] to [B, 4, h, w].

        Args:
            x: in the device, type and layout of the module.
            timestep: float32 [B].
            y: vector beside the text [B, n], for a module that has an embedding for it.
        """
        self._latent = (x.shape[2], x.shape[3])
        self._left = {name: list(given) for name, given in (self.control or {}).items()}
        self._emb = self._embedded(x, timestep, y)
        h, skips = self._down(x)
        h = self._middle(h)
        h = self._up(h, skips)
        h = self.module.conv_act(self.module.conv_norm_out(h))
        out: Tensor = self.module.conv_out(h)
        return out

    def _embedded(self, x: Tensor, timestep: Tensor, y: Tensor | None) -> Tensor:
        emb: Tensor = self.module.time_embedding(self.module.time_proj(timestep).to(x.dtype))
        return emb if y is None else emb + self.module.add_embedding(y)

    def _down(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """What reaches the middle, and the skip tensors in the order they were made."""
        skips: list[Tensor] = []
        h = self._kept(self.module.conv_in(x), skips)
        for level in self.module.down_blocks:
            for resnet, attention in _pairs(level):
                self._enter("input", len(skips))
                h = self._kept(self._resnet(h, resnet, attention), skips)
            for sampler in level.downsamplers or ():
                self._enter("input", len(skips))
                h = self._kept(sampler(h), skips)
        return h, skips

    def _kept(self, h: Tensor, skips: list[Tensor]) -> Tensor:
        """What leaves an input block, after it was kept as a skip tensor."""
        h = self._controlled(h, "input")
        for function in self.patches.input_blocks:
            h = function(h, self._site(h))
        skips.append(h)
        for function in self.patches.input_blocks_after_skip:
            h = function(h, self._site(h))
        return h

    def _middle(self, h: Tensor) -> Tensor:
        self._enter("middle", 0)
        first, second = self.module.mid_block.resnets
        h = first(h, self._emb)
        h = self._transformer(h, self.module.mid_block.attentions[0])
        h = second(h, self._emb)
        return self._controlled(h, "middle")

    def _up(self, h: Tensor, skips: list[Tensor]) -> Tensor:
        number = 0
        for level in self.module.up_blocks:
            for resnet, attention in _pairs(level):
                self._enter("output", number)
                h = self._joined(h, skips.pop())
                h = self._resnet(h, resnet, attention)
                number += 1
            for sampler in level.upsamplers or ():
                # A side that is no multiple of the whole factor was rounded up on the way down.
                h = sampler(h, tuple(skips[-1].shape[2:]))
        return h

    def _joined(self, h: Tensor, skip: Tensor) -> Tensor:
        skip = self._controlled(skip, "output")
        for function in self.patches.output_blocks:
            h, skip = function(h, skip, self._site(h))
        return torch.cat([h, skip], dim=1)

    def _controlled(self, h: Tensor, name: str) -> Tensor:
        """``h`` with what control nets add at this place."""
        left = self._left.get(name)
        more = left.pop() if left else None
        return h if more is None else h + more.to(h)

    def _resnet(self, h: Tensor, resnet: Any, attention: Any) -> Tensor:
        h = resnet(h, self._emb)
        return h if attention is None else self._transformer(h, attention)

    def _transformer(self, h: Tensor, attention: Any) -> Tensor:
        """A spatial transformer: pixels as tokens, layers, tokens as pixels, and what came in."""
        batch, _, height, width = h.shape
        tokens = attention.norm(h)
        if not attention.use_linear_projection:
            tokens = attention.proj_in(tokens)
        tokens = tokens.permute(0, 2, 3, 1).reshape(batch, height * width, -1)
        if attention.use_linear_projection:
            tokens = attention.proj_in(tokens)
        for index, layer in enumerate(attention.transformer_blocks):
            self._at.layer = index
            tokens = self._layer(tokens, layer, h)
            self._transformers += 1
        if attention.use_linear_projection:
            tokens = attention.proj_out(tokens)
        pixels = tokens.reshape(batch, height, width, -1).permute(0, 3, 1, 2).contiguous()
        if not attention.use_linear_projection:
            pixels = attention.proj_out(pixels)
        out: Tensor = pixels + h
        return out

    def _layer(self, tokens: Tensor, layer: Any, h: Tensor) -> Tensor:
        p, normed = self.patches, layer.norm1(tokens)
        around = (p.self_attention, p.self_heads)
        tokens = self._attended(layer.attn1, normed, normed, around, h) + tokens
        normed = layer.norm2(tokens)
        around = (p.cross_attention, p.cross_heads)
        tokens = self._attended(layer.attn2, normed, self.context, around, h) + tokens
        out: Tensor = layer.ff(layer.norm3(tokens)) + tokens
        return out

    def _attended(
        self, layer: Any, hidden: Tensor, context: Tensor, around: tuple[Any, Any], h: Tensor
    ) -> Tensor:
        whole, product = around
        if not whole and not product:
            return attend(layer, hidden, context, upcast=self.upcast)
        site = self._site(h, layer.heads)
        return patched_attend(layer, hidden, context, whole, product, site, upcast=self.upcast)

    def _enter(self, block: str, number: int) -> None:
        self._at = _Block(block, number)

    def _site(self, h: Tensor, heads: int = 0) -> Site:
        if self.patches.call is None:
            raise ValueError("Patches of a network need their call to be set.")
        return Site(
            call=self.patches.call,
            block=self._at.block,
            number=self._at.number,
            latent=self._latent,
            size=(h.shape[2], h.shape[3]),
            channels=self.module.conv_in.out_channels,
            index=self._at.layer if heads else 0,
            transformer=self._transformers if heads else 0,
            heads=heads,
        )


def _pairs(level: Any) -> list[tuple[Any, Any]]:
    """The residual blocks of a level, each with the attention that follows it, or None."""
    attentions = getattr(level, "attentions", None) or [None] * len(level.resnets)
    return list(zip(level.resnets, attentions, strict=True))

"""Where other packages may act inside a UNet, and what they are told there.

`Patches` holds functions on plain tensors; `calls.py`'s UNet runs them at their places. What the
functions compute (token merging, perturbed attention, ...) is the sampling package's business.

Blocks are numbered as in original (ldm) checkpoints, whatever the live module calls them: input
blocks 0 (the first convolution), 1, 2, ...; one middle block, number 0; output blocks 0, 1, ...
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Call:
    """What is the same everywhere in one call of the network.

    Attributes:
        sigmas: noise levels of the batch, float32 [B].
        sample_sigmas: all levels of the run, float32 [n + 1].
        cond_or_uncond: for each equal part of the batch, in order, which prompt it is: 0 the
            positive, 1 the negative, then further ones.
        draws: random numbers that follow the run's start noise; always a CPU generator.
        memory: what functions leave for whoever put them there, by names of their own.
    """

    sigmas: Tensor
    sample_sigmas: Tensor
    cond_or_uncond: tuple[int, ...] = ()
    draws: torch.Generator = field(default_factory=torch.Generator)
    memory: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Site:
    """Where in the network a function is called.

    Attributes:
        call: `Patches.call`, as it came.
        block: which part of the network.
        number: which block of that part.
        latent: height and width of the network's input.
        size: height and width of the activations here.
        channels: of the network's first block ("model_channels", 320 in SD1).
        index: which transformer layer of its block (attention places; otherwise 0).
        transformer: the same counted over the whole network, in the order they run.
        heads: of this attention (attention places; otherwise 0).
    """

    call: Call
    block: Literal["input", "middle", "output"]
    number: int
    latent: tuple[int, int]
    size: tuple[int, int]
    channels: int
    index: int = 0
    transformer: int = 0
    heads: int = 0


Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
# (attend, q, k, v, site) -> what `attend(q, k, v)` gives, or something in its place.
Around = Callable[[Attend, Tensor, Tensor, Tensor, Site], Tensor]
# (h [B, C, h, w], site) -> h
OnBlock = Callable[[Tensor, Site], Tensor]
# (h [B, C, h, w], skip [B, C', h, w], site) -> (h, skip)
OnJoin = Callable[[Tensor, Tensor, Site], tuple[Tensor, Tensor]]


@dataclass(frozen=True, slots=True)
class Patches:
    """Functions for one call of the network. Of several at a place the first is the outermost, or
    the first to run.

    Attributes:
        self_attention: around the whole self-attention of a transformer layer. q, k, v are the
            normed hidden states [B, N, C], all the same, before their projections; `attend`
            projects them, attends and projects the result: [B, Nq, C]. q may have another number
            of tokens than k and v, or another batch size together with them.
        cross_attention: the same around cross-attention: q [B, N, C], the context k and v
            [B, T, D].
        self_heads: around the product itself. q, k, v are projected, [B, N, heads * width], heads
            side by side; `attend` is softmax(q k' / sqrt(width)) v for each head: [B, Nq, heads *
            width], before the output projection.
        cross_heads: the same for cross-attention.
        input_blocks: on what leaves an input block, before it is kept as a skip tensor.
        input_blocks_after_skip: the same after it is kept: the skip tensor stays as it was.
        output_blocks: before an output block joins h and its skip tensor (and after control nets
            have added to the skip tensor).
        call: what every `Site` of the call is given. Never None when the network gets it.
    """

    self_attention: tuple[Around, ...] = ()
    cross_attention: tuple[Around, ...] = ()
    self_heads: tuple[Around, ...] = ()
    cross_heads: tuple[Around, ...] = ()
    input_blocks: tuple[OnBlock, ...] = ()
    input_blocks_after_skip: tuple[OnBlock, ...] = ()
    output_blocks: tuple[OnJoin, ...] = ()
    call: Call | None = None

    def __add__(self, other: "Patches") -> "Patches":
        """The functions of both, these first; `call` stays this one's."""
        places = [one.name for one in fields(self) if one.name != "call"]
        both: dict[str, Any] = {p: getattr(self, p) + getattr(other, p) for p in places}
        return replace(self, **both)

    def __bool__(self) -> bool:
        return any(getattr(self, one.name) for one in fields(self) if one.name != "call")

    def during(self, call: Call) -> "Patches":
        return replace(self, call=call)


NO_PATCHES = Patches()

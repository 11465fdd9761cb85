"""Shows the UNet where to look: its cross attention is told which slot of the layout is about which
part of the picture.

Nothing in a UNet says where a pixel is but the zeros around the picture, and from noise errors
alone it takes tens of thousands of steps to find out that the top of the picture should read the
slot of the top. A loss on the attention itself says so at once. Not here: the layout (reading.py).
"""

import random
from collections.abc import Sequence
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from torch import Tensor

from tools.starter.reading import layout
from tools.starter.scenes import PLACES, sample_split

DISTRACTION = 0.3
# Where each of PLACES is, as shares of the picture's height and width.
CENTRES = ((0.5, 0.5), (0.25, 0.5), (0.75, 0.5), (0.5, 0.25), (0.5, 0.75))


class PlainAttention:
    """Attention as three plain products. For heads of 8 channels torch's fused CPU attention is
    four times as slow in its backward pass.

    While `seen` is a list, the weights [B * heads, N, 77] of cross attention are put into it.
    """

    def __init__(self) -> None:
        self.seen: list[Tensor] | None = None

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        **_: Any,
    ) -> Tensor:
        """[B, N, C] -> [B, N, C]; the context is [B, 77, D], or the states themselves."""
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        batch, slots, _width = hidden_states.shape
        query, key, value = (
            layer(x).view(batch, x.shape[1], attn.heads, -1).transpose(1, 2).flatten(0, 1)
            for layer, x in (
                (attn.to_q, hidden_states),
                (attn.to_k, context),
                (attn.to_v, context),
            )
        )
        scores = torch.bmm(query * attn.scale, key.transpose(1, 2))
        # torch.softmax would be computed and kept in float32 under autocast.
        weights = torch._softmax(scores, -1, False)
        if self.seen is not None and encoder_hidden_states is not None:
            self.seen.append(weights)
        mixed = torch.bmm(weights, value).view(batch, attn.heads, slots, -1).transpose(1, 2)
        out: Tensor = attn.to_out[0](mixed.reshape(batch, slots, -1))
        return out


def use_plain_attention(unet: UNet2DConditionModel) -> PlainAttention:
    """Give all attention of the UNet one processor, and return it."""
    processor = PlainAttention()
    unet.set_attn_processor(processor)
    return processor


def places_of(seeds: Sequence[int]) -> Tensor:
    """Which of PLACES have a thing, bool [N, 5], in the training scenes of these seeds."""
    rows = []
    for seed in seeds:
        things = layout(sample_split(random.Random(seed), test=False))
        rows.append([place in things for place in PLACES])
    return torch.tensor(rows)


def looking_loss(seen: Sequence[Tensor], places: Tensor) -> Tensor:
    """Mean over layers of how far, in nats, each pixel is from looking at the slot of the nearest
    place that has a thing: among the slots of places, and, counting less, among all of the context,
    whose words only distract. `places` is bool [B, 5].
    """
    losses = []
    for weights in seen:
        count = len(places)
        each = weights.view(count, -1, *weights.shape[1:]).float().mean(dim=1)
        slots = each[:, :, -len(PLACES) :]
        wanted = _nearest(places, round(weights.shape[1] ** 0.5))
        told = slots.gather(2, wanted.unsqueeze(2)).squeeze(2)
        share = (told + 1e-6) / (slots.sum(dim=2) + 1e-5)
        losses.append(-(share.log() + DISTRACTION * (told + 1e-6).log()).mean())
    return torch.stack(losses).mean()


def _nearest(places: Tensor, side: int) -> Tensor:
    """For each pixel of a square, the number of the nearest place with a thing, int64 [B, N]."""
    steps = (torch.arange(side) + 0.5) / side
    pixels = torch.cartesian_prod(steps, steps)
    away = (pixels.unsqueeze(1) - torch.tensor(CENTRES)).square().sum(dim=2)
    return torch.where(places.unsqueeze(1), away, torch.inf).argmin(dim=2)

"""A prompt to conditioning tensors: chunks through the text network, then the weights.

The network itself is not here; anything that satisfies `TextNetwork` will do. Families with two
encoders or T5 are not here yet: this is the row "SD1" of the layer table.
"""

import logging
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from engine.text.chunks import Chunk, pack, tokenize

# Chunks in one call of the network: bounds memory when someone pastes a book.
CHUNKS_PER_CALL = 16

logger = logging.getLogger(__name__)


class TextNetwork(Protocol):
    """A CLIP text transformer."""

    @property
    def layers(self) -> int: ...

    @property
    def width(self) -> int: ...

    def __call__(self, tokens: Tensor, layer: int) -> tuple[Tensor, Tensor]:
        """`tokens` int64 [B, 77] and `layer` -1 (the last) to -layers.

        Gives the layer's output after the final norm, float32 [B, 77, width], and the last layer's
        vector at the first end token, normed and not projected, float32 [B, width].
        """
        ...


def encode_prompt(
    text: str, encoder: TextNetwork, stop_at_layer: int = -1
) -> tuple[Tensor, Tensor]:
    """Encodes `text`: `cond` [1, 77 * chunks, width] and `pooled` [1, width], float32 on the CPU.

    `stop_at_layer` is CLIPSetLastLayer's number, -1 the last layer; beyond the first layer it means
    the last, as in the reference. Pooled is the first chunk's and knows neither weights nor
    `stop_at_layer`. Raises ValueError when `stop_at_layer` is not negative.
    """
    tokens = tokenize(text)
    if tokens.references:
        logger.warning(
            "Embeddings are not supported yet: %s in the prompt is read as plain words.",
            ", ".join(f"embedding:{name}" for name in tokens.references),
        )
    return encode_chunks(tokens.chunks, encoder, stop_at_layer)


def encode_chunks(
    chunks: Sequence[Chunk], encoder: TextNetwork, stop_at_layer: int = -1
) -> tuple[Tensor, Tensor]:
    """`encode_prompt` for a prompt that is already in `chunks` (at least one)."""
    if stop_at_layer >= 0:
        raise ValueError(
            f"stop_at_clip_layer is {stop_at_layer}; layers are counted from the end, so it has to "
            "be -1 (the last layer) or lower."
        )
    layer = stop_at_layer if -stop_at_layer <= encoder.layers else -1
    weights = torch.tensor([chunk.weights for chunk in chunks], dtype=torch.float32)
    weighted = bool((weights != 1).any())
    # A weight pulls a slot's vector away from, or towards, what the empty prompt says there.
    rows = [*chunks, *pack(())] if weighted else chunks
    hidden, pooled = _run(torch.tensor([chunk.ids for chunk in rows]), encoder, layer)
    if weighted:
        hidden = apply_weights(hidden[:-1], hidden[-1:], weights.to(hidden.device))
    return hidden.reshape(1, -1, hidden.shape[-1]).cpu(), pooled[:1].cpu()


def apply_weights(hidden: Tensor, empty: Tensor, weights: Tensor) -> Tensor:
    """`e + w (z - e)` wherever w is not 1: weight 0 means "as if the prompt were empty here".

    `hidden` [n, 77, C] is z, `empty` [1, 77, C] is e, `weights` [n, 77] is w; float32.
    """
    w = weights[..., None]
    return torch.where(w == 1, hidden, empty + w * (hidden - empty))


def _run(tokens: Tensor, encoder: TextNetwork, layer: int) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        calls = [encoder(part, layer) for part in torch.split(tokens, CHUNKS_PER_CALL)]
    hidden, pooled = zip(*calls, strict=True)
    return torch.cat(hidden), torch.cat(pooled)

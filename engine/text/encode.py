"""A prompt to conditioning tensors: chunks through the text networks, then the weights.

The networks themselves are not here; anything that satisfies `TextNetwork` will do. What a family
takes from them is in `families.py`. T5 is not here.
"""

import logging
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from engine.text.chunks import Chunk, Tokens, pack, tokenize
from engine.text.families import PADDING, taken_from

# Chunks in one call of the network: bounds memory when someone pastes a book.
CHUNKS_PER_CALL = 16

logger = logging.getLogger(__name__)


class TextNetwork(Protocol):
    """A CLIP text transformer."""

    @property
    def kind(self) -> str:
        """Which it is: "l", "h" or "g"."""
        ...

    @property
    def layers(self) -> int: ...

    @property
    def width(self) -> int: ...

    def __call__(self, tokens: Tensor, layer: int, *, norm: bool = True) -> tuple[Tensor, Tensor]:
        """`tokens` int64 [B, 77] and `layer` -1 (the last) to -layers.

        Gives the layer's output, after the final norm if `norm`, float32 [B, 77, width], and the
        last layer's vector at the first end token, normed, and projected where the network has a
        projection, float32 [B, P].
        """
        ...


def encode_prompt(
    text: str, encoders: Sequence[TextNetwork], stop_at_layer: int | None = None
) -> tuple[Tensor, Tensor]:
    """Encodes `text`: `cond` [1, 77 * chunks, widths together] and `pooled` [1, P], float32 on the
    CPU.

    `encoders` are the text networks of one model, CLIP-L first. `stop_at_layer` is
    CLIPSetLastLayer's number, -1 the last layer; None means the family's own. Pooled is the first
    chunk's and knows neither weights nor `stop_at_layer`. Raises ValueError when `stop_at_layer` is
    not negative.
    """
    return encode_tokens(
        [_tokenized(text, encoder) for encoder in encoders], encoders, stop_at_layer
    )


def encode_texts(
    texts: Sequence[str], encoders: Sequence[TextNetwork], stop_at_layer: int | None = None
) -> tuple[Tensor, Tensor]:
    """`encode_prompt` with a text for each encoder; empty chunks fill up the shorter ones."""
    found = [_tokenized(text, one) for text, one in zip(texts, encoders, strict=True)]
    most = max(len(tokens.chunks) for tokens in found)
    filled = [
        Tokens(tokens.chunks + _empty(encoder) * (most - len(tokens.chunks)))
        for tokens, encoder in zip(found, encoders, strict=True)
    ]
    return encode_tokens(filled, encoders, stop_at_layer)


def encode_tokens(
    tokens: Sequence[Tokens], encoders: Sequence[TextNetwork], stop_at_layer: int | None = None
) -> tuple[Tensor, Tensor]:
    """`encode_prompt` for prompts that are tokenised already, one for each encoder.

    Where encoders have different numbers of chunks, all are cut to the shortest.
    """
    if stop_at_layer is not None and stop_at_layer >= 0:
        raise ValueError(
            f"stop_at_clip_layer is {stop_at_layer}; layers are counted from the end, so it has to "
            "be -1 (the last layer) or lower."
        )
    taken = taken_from([encoder.kind for encoder in encoders])
    wanted = taken.layer if stop_at_layer is None else stop_at_layer
    hiddens, pooled = [], torch.zeros(0)
    for one, encoder in zip(tokens, encoders, strict=True):
        there = -wanted <= encoder.layers
        layer, norm = (wanted, taken.norm) if there else (-1, True)
        hidden, pooled = encode_chunks(one.chunks, encoder, layer, norm=norm)
        hiddens.append(hidden)
    length = min(hidden.shape[1] for hidden in hiddens)
    return torch.cat([hidden[:, :length] for hidden in hiddens], dim=2), pooled


def encode_chunks(
    chunks: Sequence[Chunk], encoder: TextNetwork, layer: int = -1, *, norm: bool = True
) -> tuple[Tensor, Tensor]:
    """What one network says of a prompt in `chunks` (at least one): [1, 77 * chunks, width] and
    the pooled vector [1, P].
    """
    weights = torch.tensor([chunk.weights for chunk in chunks], dtype=torch.float32)
    weighted = bool((weights != 1).any())
    # A weight pulls a slot's vector away from, or towards, what the empty prompt says there.
    rows = [*chunks, *_empty(encoder)] if weighted else chunks
    hidden, pooled = _run(torch.tensor([chunk.ids for chunk in rows]), encoder, layer, norm)
    if weighted:
        hidden = apply_weights(hidden[:-1], hidden[-1:], weights.to(hidden.device))
    return hidden.reshape(1, -1, hidden.shape[-1]).cpu(), pooled[:1].cpu()


def apply_weights(hidden: Tensor, empty: Tensor, weights: Tensor) -> Tensor:
    """`e + w (z - e)` wherever w is not 1: weight 0 means "as if the prompt were empty here".

    `hidden` [n, 77, C] is z, `empty` [1, 77, C] is e, `weights` [n, 77] is w; float32.
    """
    w = weights[..., None]
    return torch.where(w == 1, hidden, empty + w * (hidden - empty))


def _tokenized(text: str, encoder: TextNetwork) -> Tokens:
    tokens = tokenize(text, padding=PADDING[encoder.kind])
    if tokens.references:
        logger.warning(
            "Embeddings are not supported yet: %s in the prompt is read as plain words.",
            ", ".join(f"embedding:{name}" for name in tokens.references),
        )
    return tokens


def _empty(encoder: TextNetwork) -> tuple[Chunk, ...]:
    return pack((), padding=PADDING[encoder.kind])


def _run(tokens: Tensor, encoder: TextNetwork, layer: int, norm: bool) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        calls = [encoder(part, layer, norm=norm) for part in torch.split(tokens, CHUNKS_PER_CALL)]
    hidden, pooled = zip(*calls, strict=True)
    return torch.cat(hidden), torch.cat(pooled)

"""Learned vectors in place of words: token ids beyond the vocabulary of a CLIP text network."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

VOCABULARY = 49408


@contextmanager
def learned(embedding: nn.Module, tokens: Tensor, vectors: Tensor | None) -> Iterator[Tensor]:
    """`tokens` int64 [B, T] as ids that `embedding` knows, which meanwhile gives row n of `vectors`
    [N, C] for id `VOCABULARY + n`.
    """
    beyond = tokens >= VOCABULARY
    if vectors is None or not beyond.any():
        yield tokens
        return
    table = vectors.to(tokens.device)

    def put_in(_: nn.Module, __: Any, found: Tensor) -> Tensor:
        rows = table[tokens[beyond] - VOCABULARY].to(found.dtype)
        return found.masked_scatter(beyond[..., None], rows)

    hook = embedding.register_forward_hook(put_in)
    try:
        yield torch.where(beyond, 0, tokens)
    finally:
        hook.remove()

"""A text network that says what it was asked."""

import torch
from torch import Tensor

from engine.text.vectors import VOCABULARY


class Recorder:
    """A text network of some numbers a token: the token's id, or the first number of its vector."""

    layers = 12

    def __init__(self, kind: str = "l", width: int = 3) -> None:
        self.kind, self.width = kind, width
        self.calls: list[tuple[list[int], int, bool]] = []
        self.rows: list[list[int]] = []

    def __call__(
        self, tokens: Tensor, layer: int, *, norm: bool = True, vectors: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        self.calls.append((list(tokens.shape), layer, norm))
        self.rows += tokens.tolist()
        said = tokens.float()
        if vectors is not None:
            said = torch.where(
                tokens < VOCABULARY, said, vectors[(tokens - VOCABULARY).clamp(0), 0]
            )
        hidden = said[..., None].expand(-1, -1, self.width)
        return hidden, hidden[:, 1]

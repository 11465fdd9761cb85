"""What text networks said of chunks, before any weight: the same chunk is never encoded twice.

Weights are applied after this cache, so a change of a weight runs no network; and the empty chunk,
repeated negatives and what schedules share cost nothing.
"""

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

import torch
from torch import Tensor

from engine.text.encode import TextNetwork
from engine.text.vectors import VOCABULARY, Row

LIMIT = 128 << 20

Said = tuple[Tensor, Tensor]


class LearnedNetwork(TextNetwork, Protocol):
    """A text network that learned vectors can be said to."""

    def __call__(
        self, tokens: Tensor, layer: int, *, norm: bool = True, vectors: Tensor | None = None
    ) -> Said:
        """As `TextNetwork`; id `VOCABULARY + n` in `tokens` stands for row n of `vectors`."""
        ...


class SaidCache:
    """What networks said, the least recently used let go first. Any thread may call it."""

    def __init__(self, limit: int = LIMIT) -> None:
        """`limit` is in bytes."""
        self._limit = limit
        self._held = 0
        self._said: OrderedDict[Hashable, Said] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> Said | None:
        with self._lock:
            found = self._said.get(key)
            if found is not None:
                self._said.move_to_end(key)
            return found

    def put(self, key: Hashable, said: Said) -> None:
        with self._lock:
            self._held -= _bytes(self._said.pop(key, None))
            self._said[key] = said
            self._held += _bytes(said)
            while self._held > self._limit:
                _, oldest = self._said.popitem(last=False)
                self._held -= _bytes(oldest)


@dataclass(frozen=True, slots=True)
class Remembering:
    """A text network that is asked only about chunks that it has not been asked about.

    Attributes:
        network: which is asked.
        identity: its weights and the patches on them; networks that say the same have the same.
        rows: the learned vectors that ids beyond the vocabulary stand for.
        numbers: what they hold, float32 [n, width].
    """

    network: LearnedNetwork
    cache: SaidCache
    identity: Hashable
    rows: Sequence[Row] = ()
    numbers: Tensor | None = None

    @property
    def kind(self) -> str:
        return self.network.kind

    @property
    def layers(self) -> int:
        return self.network.layers

    @property
    def width(self) -> int:
        return self.network.width

    def __call__(self, tokens: Tensor, layer: int, *, norm: bool = True) -> Said:
        """As `TextNetwork`."""
        chunks = [tuple(chunk) for chunk in tokens.tolist()]
        keys = {chunk: self._key(chunk, layer, norm) for chunk in chunks}
        said = {chunk: self.cache.get(key) for chunk, key in keys.items()}
        new = [chunk for chunk, found in said.items() if found is None]
        if new:
            hidden, pooled = self.network(torch.tensor(new), layer, norm=norm, vectors=self.numbers)
            for chunk, one, end in zip(new, hidden, pooled, strict=True):
                # Copies, as a row would keep the whole batch alive.
                heard = (one.clone(), end.clone())
                said[chunk] = heard
                self.cache.put(keys[chunk], heard)
        rows = [found for chunk in chunks if (found := said[chunk]) is not None]
        return torch.stack([row[0] for row in rows]), torch.stack([row[1] for row in rows])

    def _key(self, chunk: Sequence[int], layer: int, norm: bool) -> Hashable:
        slots = tuple(one if one < VOCABULARY else self.rows[one - VOCABULARY] for one in chunk)
        return self.identity, self.kind, layer, norm, slots


def _bytes(said: Said | None) -> int:
    return 0 if said is None else sum(tensor.numel() * tensor.element_size() for tensor in said)

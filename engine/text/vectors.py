"""Learned vectors in a prompt: how a chunk names them, and what a tokenizer asks about them.

No torch. A chunk's ids from `VOCABULARY` on are not words: id `VOCABULARY + n` is the n-th of the
rows that come with the chunks. What the rows hold is `embeddings.py`'s business.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

VOCABULARY = 49408


class Row(NamedTuple):
    """One learned vector: the contents it is part of (a digest), and its place in them."""

    contents: str
    number: int


class Lexicon(Protocol):
    """The embeddings that one text network can be given, by name."""

    def rows(self, name: str) -> Sequence[Row] | None:
        """The vectors of embedding `name`; none where they have another width than this network's;
        None when there is no such embedding.
        """
        ...


class RowTable:
    """The rows that a prompt uses, numbered as they are met."""

    def __init__(self) -> None:
        self._numbers: dict[Row, int] = {}

    def ids(self, rows: Iterable[Row]) -> tuple[int, ...]:
        """The ids that stand for `rows`."""
        numbers = self._numbers
        return tuple(VOCABULARY + numbers.setdefault(row, len(numbers)) for row in rows)

    @property
    def rows(self) -> tuple[Row, ...]:
        """All of them, in the order of their ids."""
        return tuple(self._numbers)

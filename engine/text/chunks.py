"""Weighted segments to chunks of 77 token slots: start, up to 75 tokens, end, padding.

No torch, no networks. `embedding:name` references are read as plain words here, as an installation
without an embeddings folder reads them, and are named in `Tokens.references` so that the caller can
say so.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.text.emphasis import read_emphasis
from engine.text.tokenizer import END, START, clip_tokenizer

CHUNK_LENGTH = 77
# A segment this long is cut at the end of a chunk; a shorter one moves to the next chunk whole.
LONG_GROUP = 8

_REFERENCE = re.compile(r"(?:^|[ \n(])embedding:([^\s():,]+)")


@dataclass(frozen=True, slots=True)
class Group:
    """The tokens of one segment of the prompt and the weight they share."""

    ids: tuple[int, ...]
    weight: float


@dataclass(frozen=True, slots=True)
class Chunk:
    """One row for the text network. `ids`, `weights` and `groups` have one entry a slot.

    `groups` numbers the segment a slot came from, counted from 1; 0 is start, end or padding, whose
    weight is always 1.
    """

    ids: tuple[int, ...]
    weights: tuple[float, ...]
    groups: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tokens:
    """A tokenised prompt: at least one chunk, and the embedding names that were read as words."""

    chunks: tuple[Chunk, ...]
    references: tuple[str, ...] = ()


def tokenize(text: str, *, padding: int = END, weights: bool = True) -> Tokens:
    """The chunks of `text` in the engine dialect.

    `padding` is 49407 for CLIP-L and 0 for CLIP-H and G; `weights=False` reads brackets as text.

    >>> tokenize("a (red:1.3) cat").chunks[0].ids[:5]
    (49406, 320, 736, 2368, 49407)
    """
    segments = read_emphasis(text, weights=weights)
    ids = clip_tokenizer().encode_all([segment.text for segment in segments])
    groups = [Group(tuple(i), s.weight) for i, s in zip(ids, segments, strict=True)]
    return Tokens(pack(groups, padding=padding), tuple(_REFERENCE.findall(text)))


def pack(groups: Sequence[Group], *, padding: int = END) -> tuple[Chunk, ...]:
    """Fills chunks with `groups` in order.

    A group that does not fit is cut if it has at least `LONG_GROUP` tokens, else it starts the next
    chunk.
    """
    packed: list[Chunk] = []
    filling = _Filling(padding)
    for number, group in enumerate(groups, 1):
        at = 0
        while at < len(group.ids):
            left = len(group.ids) - at
            room = filling.room
            if left > room and left < LONG_GROUP:
                room = 0
            filling.add(group.ids[at : at + room], group.weight, number)
            at += room
            if left > room:
                packed.append(filling.finished())
                filling = _Filling(padding)
    packed.append(filling.finished())
    return tuple(packed)


class _Filling:
    """The chunk that is being filled."""

    def __init__(self, padding: int) -> None:
        self.padding = padding
        self.ids = [START]
        self.weights = [1.0]
        self.groups = [0]

    @property
    def room(self) -> int:
        """How many tokens still fit before the end token."""
        return CHUNK_LENGTH - 1 - len(self.ids)

    def add(self, ids: Sequence[int], weight: float, number: int) -> None:
        self.ids += ids
        self.weights += [weight] * len(ids)
        self.groups += [number] * len(ids)

    def finished(self) -> Chunk:
        empty = CHUNK_LENGTH - 1 - len(self.ids)
        return Chunk(
            (*self.ids, END, *[self.padding] * empty),
            (*self.weights, *[1.0] * (empty + 1)),
            (*self.groups, *[0] * (empty + 1)),
        )

"""Weighted segments to chunks of 77 token slots: start, up to 75 tokens, end, padding.

No torch, no networks. What `embedding:name` stands for is a `Lexicon`'s to say; without one such
references are read as plain words, and are named in `Tokens.references` so that the caller can say
so.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.text.emphasis import read_emphasis
from engine.text.references import Learned, Misfit, Piece, Unknown, read_references
from engine.text.tokenizer import END, START, clip_tokenizer
from engine.text.unicode import as_read_by_legacy_tokenizers
from engine.text.vectors import Lexicon, Row, RowTable

CHUNK_LENGTH = 77
# A segment this long is cut at the end of a chunk; a shorter one moves to the next chunk whole.
LONG_GROUP = 8

_REFERENCE = re.compile(r"(?:^|[ \n(])embedding:([^\s():,]+)")


@dataclass(frozen=True, slots=True)
class Group:
    """The tokens of one piece of the prompt and the weight they share."""

    ids: tuple[int, ...]
    weight: float


@dataclass(frozen=True, slots=True)
class Chunk:
    """One row for the text network. `ids`, `weights` and `groups` have one entry a slot.

    Ids from `VOCABULARY` on are learned vectors. `groups` numbers the piece a slot came from,
    counted from 1; 0 is start, end or padding, whose weight is always 1.
    """

    ids: tuple[int, ...]
    weights: tuple[float, ...]
    groups: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tokens:
    """A tokenised prompt.

    Attributes:
        chunks: at least one.
        references: embedding names that were read as words, for want of a lexicon.
        rows: the learned vectors in the chunks; id `VOCABULARY + n` stands for the n-th.
        unknown: embedding names that the lexicon does not know.
        misfits: embedding names whose vectors have another width than this network's.
    """

    chunks: tuple[Chunk, ...]
    references: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    unknown: tuple[str, ...] = ()
    misfits: tuple[str, ...] = ()


def tokenize(
    text: str,
    *,
    padding: int = END,
    weights: bool = True,
    legacy: bool = False,
    lexicon: Lexicon | None = None,
) -> Tokens:
    """The chunks of `text` in the engine dialect.

    `padding` is 49407 for CLIP-L and 0 for CLIP-H and G; `weights=False` reads brackets as text;
    `legacy` tokenises as older installations did.

    >>> tokenize("a (red:1.3) cat").chunks[0].ids[:5]
    (49406, 320, 736, 2368, 49407)
    """
    reading = _Reading()
    for segment in read_emphasis(text, weights=weights):
        if lexicon is None:
            reading.add(segment.text, segment.weight)
            continue
        for piece, _ in read_references(segment.text, lexicon):
            reading.add(piece, segment.weight)
    return Tokens(
        pack(reading.groups(legacy=legacy), padding=padding),
        tuple(_REFERENCE.findall(text)) if lexicon is None else (),
        reading.table.rows,
        tuple(reading.unknown),
        tuple(reading.misfits),
    )


@dataclass(slots=True)
class _Reading:
    """The pieces of a prompt that is being read; texts are tokenised all at once in the end."""

    pieces: list[tuple[str | tuple[int, ...], float]] = field(default_factory=list)
    table: RowTable = field(default_factory=RowTable)
    unknown: list[str] = field(default_factory=list)
    misfits: list[str] = field(default_factory=list)

    def add(self, piece: Piece, weight: float) -> None:
        match piece:
            case Learned(rows=rows):
                self.pieces.append((self.table.ids(rows), weight))
            case Unknown(name):
                self.unknown.append(name)
            case Misfit(name):
                self.misfits.append(name)
            case _:
                self.pieces.append((piece, weight))

    def groups(self, *, legacy: bool) -> list[Group]:
        texts = [piece for piece, _ in self.pieces if isinstance(piece, str)]
        read = [as_read_by_legacy_tokenizers(text) for text in texts] if legacy else texts
        found = iter(clip_tokenizer().encode_all(read))
        return [
            Group(tuple(next(found)) if isinstance(piece, str) else piece, weight)
            for piece, weight in self.pieces
        ]


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

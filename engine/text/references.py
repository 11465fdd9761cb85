"""`embedding:name` in the engine dialect: a segment's text to plain text and learned vectors."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from engine.text.vectors import Lexicon, Row

_MARK = "embedding:"
_BEFORE_MARK = re.compile(r"[ \n](?=embedding:)")


@dataclass(frozen=True, slots=True)
class Learned:
    """The vectors that a reference stands for."""

    name: str
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Unknown:
    """A reference to an embedding that is not there; it says nothing."""

    name: str


@dataclass(frozen=True, slots=True)
class Misfit:
    """A reference to an embedding for networks of another width; it says nothing."""

    name: str


Piece = str | Learned | Unknown | Misfit


def read_references(text: str, lexicon: Lexicon) -> Iterator[tuple[Piece, int]]:
    """The pieces of a segment in reading order, and where they begin; text pieces are not empty.

    A reference starts at the segment's start or after a space or newline and ends at white space;
    commas round an unknown name are not part of it. `x,embedding:y` is text.
    """
    edges = [-1, *(match.start() for match in _BEFORE_MARK.finditer(text)), len(text)]
    for before, end in pairwise(edges):
        start = before + 1
        piece = text[start:end]
        if not piece.startswith(_MARK):
            if piece:
                yield piece, start
            continue
        name, *others = piece[len(_MARK) :].split() or [""]
        rest = " ".join(others)
        rows = lexicon.rows(name)
        if rows is None:
            stripped = name.strip(",")
            rest = f"{name[len(stripped) :]} {rest}"
            name = stripped
            rows = lexicon.rows(name)
        yield _found(name, rows), start
        if rest:
            yield rest, start + len(_MARK) + len(name)


def _found(name: str, rows: Sequence[Row] | None) -> Piece:
    if rows is None:
        return Unknown(name)
    return Learned(name, rows) if rows else Misfit(name)

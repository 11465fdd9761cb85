r"""Emphasis and BREAK in the webui dialect: `(x)`, `[x]`, `(x:1.3)`, `\(`. Text to weighted pieces.

Factors multiply through nesting, unclosed brackets act to the end, and round and square brackets
pair up each for themselves.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

from engine.text.slices import Slice, joined

ROUND = 1.1
SQUARE = 1 / 1.1
# Brackets opened inside so many others are read, but change no weight: 1.1 ** 100 is 13,781 anyway.
MAX_DEPTH = 100

_TOKEN = re.compile(r"\\[()\[\]\\]|[\\()\[\]]|:\s*+(?P<number>[+-]?[.\d]++)\s*+\)|[^\\()\[\]:]++|:")
_BREAK = re.compile(r"\bBREAK\b")


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of prompt text and its weight, or the end of a chunk.

    Attributes:
        text: escapes are resolved; "BREAK" where `breaks`.
        weight: of the text. Of a BREAK: -1, times what the brackets round it say.
        breaks: a BREAK stands here.
        slices: where the text stands in the prompt.
    """

    text: str
    weight: float
    breaks: bool = False
    slices: tuple[Slice, ...] = ()


def read_attention(text: str, *, strict: bool = False) -> tuple[Piece, ...]:
    """The pieces of `text`, at least one, neighbours of equal weight joined. Never raises.

    A BREAK inside brackets is one here. With `strict` it is the word "break" at a negative weight,
    as in the reference. Numbers that are none, such as `1.2.3`, are text.

    >>> [(p.text, p.weight) for p in read_attention("a (red:1.3) [cat]")]
    [('a ', 1.0), ('red', 1.3), (' ', 1.0), ('cat', 0.9090909090909091)]
    """
    reading = _Reading(text)
    for match in _TOKEN.finditer(text):
        reading.read(match)
    reading.close_all()
    return _joined(text, reading.parts, strict)


@dataclass(slots=True)
class _Part:
    slices: list[Slice]
    weight: float
    breaks: bool = False


class _Reading:
    """The parts read so far, and for each open bracket the part it opened before."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.parts: list[_Part] = []
        self.round: list[int | None] = []
        self.square: list[int | None] = []
        self.acting = 0

    def read(self, match: re.Match[str]) -> None:
        start, end = match.span()
        match match[0][0], match[0]:
            case "\\", found:
                if len(found) == 2:
                    self.parts.append(_Part([(start + 1, end)], 1.0))
            case "(", _:
                self._open(self.round)
            case "[", _:
                self._open(self.square)
            case ")", _ if self.round:
                self._close(self.round, ROUND)
            case "]", _ if self.square:
                self._close(self.square, SQUARE)
            case ":", _ if match["number"] is not None and self.round:
                self._close_with_number(match)
            case _:
                self._add_text(start, end)

    def close_all(self) -> None:
        while self.round:
            self._close(self.round, ROUND)
        while self.square:
            self._close(self.square, SQUARE)
        if not self.parts:
            self.parts.append(_Part([], 1.0))

    def _open(self, brackets: list[int | None]) -> None:
        acts = self.acting < MAX_DEPTH
        self.acting += acts
        brackets.append(len(self.parts) if acts else None)

    def _close(self, brackets: list[int | None], factor: float) -> None:
        start = brackets.pop()
        if start is not None:
            self.acting -= 1
            for part in self.parts[start:]:
                part.weight *= factor

    def _close_with_number(self, match: re.Match[str]) -> None:
        try:
            factor = float(match["number"])
        except ValueError:
            self._add_text(match.start(), match.end() - 1)
            factor = ROUND
        self._close(self.round, factor)

    def _add_text(self, start: int, end: int) -> None:
        breaks = [match.span() for match in _BREAK.finditer(self.text, start, end)]
        edges = [(start, start), *breaks, (end, end)]
        for (word, before), (after, _) in pairwise(edges):
            if before > start:
                self.parts.append(_Part([(word, before)], -1.0, breaks=True))
            left = self._skip(before, after) if before > start else before
            right = self._skip_back(left, after) if after < end else after
            self.parts.append(_Part([(left, right)], 1.0))

    def _skip(self, start: int, end: int) -> int:
        return end - len(self.text[start:end].lstrip())

    def _skip_back(self, start: int, end: int) -> int:
        return start + len(self.text[start:end].rstrip())


def _append(slices: list[Slice], more: list[Slice]) -> None:
    for start, end in more:
        if slices and slices[-1][1] == start:
            slices[-1] = (slices[-1][0], end)
        else:
            slices.append((start, end))


def _joined(text: str, parts: list[_Part], strict: bool) -> tuple[Piece, ...]:
    """Neighbours of exactly equal weight become one; a BREAK is a neighbour to nobody."""
    kept: list[_Part] = []
    for part in parts:
        last = kept[-1] if kept else None
        stays = not strict and (part.breaks or (last is not None and last.breaks))
        if last is None or stays or last.weight != part.weight:
            kept.append(part)
        else:
            _append(last.slices, part.slices)
            last.breaks = False
    return tuple(
        Piece(
            joined(text, part.slices),
            part.weight,
            part.breaks and (not strict or part.weight == -1.0),
            tuple(part.slices),
        )
        for part in kept
    )

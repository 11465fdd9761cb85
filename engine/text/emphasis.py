"""The engine grammar of prompt weights: `(word)`, `(word:1.3)`, escapes. Text to weighted segments.

Pure text, no tokens, no torch. The webui dialect (square brackets, BREAK, AND) is another grammar
and does not live here.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from engine.text.slices import Slice, joined

GROUP_FACTOR = 1.1
# Deeper groups are read as plain text, so that a page of brackets is a prompt and not a crash.
MAX_DEPTH = 100

_BRACKET = re.compile(r"(?<!\\)[()]")
_ESCAPED = re.compile(r"\\(?=[()])")


class Segment(NamedTuple):
    """A run of prompt text, escapes already resolved, and the weight it is said with."""

    text: str
    weight: float


class _Span(NamedTuple):
    """A part of the prompt still to be read: `text[start:end]` at `weight`, `depth` groups deep."""

    start: int
    end: int
    weight: float
    depth: int


def read_emphasis(text: str, *, weights: bool = True) -> tuple[Segment, ...]:
    r"""Splits `text` into weighted segments, in reading order; neighbours are never merged.

    `(x)` multiplies by 1.1, `(x:1.3)` sets 1.3 absolutely, `\(` and `\)` are plain brackets, and
    brackets that do not pair up are text. With `weights=False` the whole text is one segment at 1.
    Time is linear in the length of the text (times at most `MAX_DEPTH` for nested groups). Never
    raises.

    >>> [(s.text, s.weight) for s in read_emphasis("a (red:1.3) cat")]
    [('a ', 1.0), ('red', 1.3), (' cat', 1.0)]
    """
    parts = weighted_parts(text) if weights else [((0, len(text)), 1.0)]
    return tuple(Segment(joined(text, spoken(text, *at)), weight) for at, weight in parts)


def weighted_parts(text: str) -> list[tuple[Slice, float]]:
    """Where the segments of `read_emphasis` stand, with their weights."""
    closing = _closing_brackets(text)
    parts: list[tuple[Slice, float]] = []
    todo = [*reversed([_Span(a, b, 1.0, 0) for a, b in _outer_items(text)])]
    while todo:
        span = todo.pop()
        inner = _inside(text, span)
        if inner is None:
            parts.append(((span.start, span.end), span.weight))
            continue
        items = [_Span(a, b, inner.weight, inner.depth) for a, b in _items(text, inner, closing)]
        todo.extend(reversed(items))
    return parts


def spoken(text: str, start: int, end: int) -> list[Slice]:
    """`text[start:end]` without the backslashes of its escapes."""
    edges = [start - 1, *(match.start() for match in _ESCAPED.finditer(text, start, end)), end]
    return [(before + 1, after) for before, after in pairwise(edges)]


def unpaired(text: str) -> list[int]:
    """Where brackets stand that do not pair up."""
    pairs = _closing_brackets(text)
    paired = {*pairs, *pairs.values()}
    return [one.start() for one in _BRACKET.finditer(text) if one.start() not in paired]


def _outer_items(text: str) -> Iterator[tuple[int, int]]:
    """The items of the whole prompt. Below depth zero, later groups are text."""
    depth, start = 0, 0
    for match in _BRACKET.finditer(text):
        at = match.start()
        if text[at] == "(":
            if depth == 0 and at > start:
                yield start, at
                start = at
            depth += 1
        else:
            depth -= 1
            if depth == 0:
                yield start, at + 1
                start = at + 1
    if start < len(text):
        yield start, len(text)


def _items(text: str, span: _Span, closing: dict[int, int]) -> Iterator[tuple[int, int]]:
    """The items inside a group. No bracket closes more than was opened here, so pairs can be
    skipped.
    """
    start = at = span.start
    while match := _BRACKET.search(text, at, span.end):
        opened = match.start()
        if opened > start:
            yield start, opened
        start = opened
        closed = closing.get(opened, span.end)
        if closed >= span.end:
            break
        yield start, closed + 1
        start = at = closed + 1
    if start < span.end:
        yield start, span.end


def _inside(text: str, span: _Span) -> _Span | None:
    """What is between the brackets of a group, at its weight; None when `span` is plain text."""
    start, end, weight, depth = span
    last = end - 1
    is_group = (
        text[start] == "("
        and last > start
        and text[last] == ")"
        and text[last - 1] != "\\"
        and depth < MAX_DEPTH
    )
    if not is_group:
        return None
    colon = text.rfind(":", start + 1, last)
    # A colon in first place is text: `(:1.2)` says ":1.2".
    absolute = _number(text[colon + 1 : last]) if colon > start + 1 else None
    if absolute is None:
        return _Span(start + 1, last, weight * GROUP_FACTOR, depth + 1)
    return _Span(start + 1, colon, absolute, depth + 1)


def _closing_brackets(text: str) -> dict[int, int]:
    """Position of every `(` that is closed somewhere, to the position of its `)`."""
    pairs: dict[int, int] = {}
    opened: list[int] = []
    for match in _BRACKET.finditer(text):
        if text[match.start()] == "(":
            opened.append(match.start())
        elif opened:
            pairs[opened.pop()] = match.start()
    return pairs


def _number(text: str) -> float | None:
    """`text` as Python reads floats (`.5`, `1e1`, ` 1.3 `, `inf`), or None."""
    try:
        return float(text)
    except ValueError:
        return None

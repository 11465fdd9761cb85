"""`AND` in the webui dialect: one prompt to several that guide together, each with its weight."""

import re
from dataclasses import dataclass
from itertools import pairwise

from engine.text.slices import Slice

_AND = re.compile(r"\bAND\b")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?|\d*\.\d+)")


@dataclass(frozen=True, slots=True)
class Together:
    """One of the prompts: where it stands and how much it counts."""

    at: Slice
    weight: float


def split_and(text: str) -> tuple[Together, ...]:
    """The prompts between the words AND, at least one; each may end in `:weight`.

    >>> [(text[slice(*one.at)], one.weight) for text in ["a AND b :1.2"] for one in split_and(text)]
    [('a', 1.0), (' b', 1.2)]
    """
    edges = [(0, 0), *(match.span() for match in _AND.finditer(text)), (len(text), len(text))]
    return tuple(_one(text, start, end) for (_, start), (end, _) in pairwise(edges))


def _one(text: str, start: int, end: int) -> Together:
    colon = text.rfind(":", start, end)
    number = text[colon + 1 : end].strip() if colon >= 0 else ""
    if _NUMBER.fullmatch(number):
        return Together((start, _trimmed(text, start, colon)), float(number))
    return Together((start, _trimmed(text, start, end)), 1.0)


def _trimmed(text: str, start: int, end: int) -> int:
    return start + len(text[start:end].rstrip())

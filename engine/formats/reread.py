"""Reading a JSON object that is much like one that was read before.

Who works on a graph sends it again and again with a change or two. An object that is read here
knows how each of its members was written; a member that is written the same way again is the same
value (``is``), and costs a comparison of text instead of a parse.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from json import JSONDecoder
from typing import Any

_SPACE = re.compile(r"[ \t\n\r]*")
# A key without escapes, as nearly all are, with what is around it: at the beginning, and later.
_FIRST = re.compile(r'[ \t\n\r]*"([^"\\\x00-\x1f]*)"[ \t\n\r]*:[ \t\n\r]*')
_NEXT = re.compile(r'[ \t\n\r]*,[ \t\n\r]*"([^"\\\x00-\x1f]*)"[ \t\n\r]*:[ \t\n\r]*')
_COMMA = re.compile(r"[ \t\n\r]*,[ \t\n\r]*")
_COLON = re.compile(r"[ \t\n\r]*:[ \t\n\r]*")
_END = re.compile(r"[ \t\n\r]*\}")
# A value that ends so is over there, whatever follows; a number may go on.
_CLOSING = ("}", "]", '"')
_KEYS = JSONDecoder()

# From a key and the place of its value to the value and the place where it ends.
ReadValue = Callable[[str, int], tuple[Any, int]]


@dataclass(slots=True)
class Members:
    """A JSON object and how it was written. Nobody changes one that has been read.

    Attributes:
        value: the object.
        keys, values: its members in the order of the text. A key may come twice; the last counts.
        texts: of each member, what is written from the end of the one before it to its own end, or
            "" where that does not say by itself where the value ends.
        heads: how many characters of that come before the value.
    """

    value: dict[str, Any] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    heads: list[int] = field(default_factory=list)

    def take(self, other: "Members", begin: int, end: int) -> None:
        """Add some members of another object."""
        self.keys += other.keys[begin:end]
        self.values += other.values[begin:end]
        self.texts += other.texts[begin:end]
        self.heads += other.heads[begin:end]

    def add(self, key: str, value: Any, text: str, head: int) -> None:
        self.keys.append(key)
        self.values.append(value)
        self.texts.append(text if text.endswith(_CLOSING) else "")
        self.heads.append(head)


def read_members(
    text: str, begin: int, read_value: ReadValue, before: Members | None = None
) -> tuple[Members, int]:
    """The object whose ``{`` is at ``begin``, and the place behind it.

    Values that are written as in ``before`` are taken from there; if nothing else is written, that
    very object comes back.

    Raises:
        ValueError: this is no JSON object.
    """
    before = before or Members()
    found, at, number = Members(), begin + 1, 0
    places = {key: place for place, key in enumerate(before.keys)}
    while True:
        same, at = _same(text, at, before.texts, number)
        found.take(before, number, same)
        head = _head(text, at, first=not found.keys)
        if head is None:
            break
        key, value_at = head
        place = places.get(key)
        known = "" if place is None else before.texts[place][before.heads[place] :]
        if place is not None and known and text.startswith(known, value_at):
            value, stop = before.values[place], value_at + len(known)
        else:
            value, stop = read_value(key, value_at)
        found.add(key, value, text[at:stop], value_at - at)
        # The first member was written without a comma before it: later it is none of these.
        at, number = stop, max(1, same if place is None else place + 1)
    end = _past(_END, text, at)
    if found.texts == before.texts and all(found.texts):
        return before, end
    found.value = dict(zip(found.keys, found.values, strict=True))
    return found, end


def _same(text: str, at: int, texts: list[str], first: int) -> tuple[int, int]:
    """How far the members from ``first`` on are written at ``at``, too: the number of the one that
    is not, and its place.
    """
    for number in range(first, len(texts)):
        known = texts[number]
        if not known or not text.startswith(known, at):
            return number, at
        at += len(known)
    return len(texts), at


def read_object(
    text: str, decoder: JSONDecoder, member: str, before: Members | None = None
) -> tuple[dict[str, Any], Members | None]:
    """A text that is one JSON object, and its ``member`` if that is an object, which is read as
    ``read_members`` does.

    Raises:
        ValueError: it is something else, or more.
    """
    inner: Members | None = None

    def read_value(key: str, begin: int) -> tuple[Any, int]:
        nonlocal inner
        if key != member:
            return decoder.raw_decode(text, begin)
        inner = None
        if not text.startswith("{", begin):
            return decoder.raw_decode(text, begin)
        inner, end = read_members(text, begin, lambda _, at: decoder.raw_decode(text, at), before)
        return inner.value, end

    begin = _past(_SPACE, text, 0)
    if not text.startswith("{", begin):
        raise ValueError("The text is no JSON object.")
    found, end = read_members(text, begin, read_value)
    if _past(_SPACE, text, end) != len(text):
        raise ValueError("There is something behind the JSON object.")
    return found.value, inner


def _head(text: str, at: int, *, first: bool) -> tuple[str, int] | None:
    """The key of the member that comes now and the place of its value; None if there is none."""
    plain = (_FIRST if first else _NEXT).match(text, at)
    if plain is not None:
        return plain[1], plain.end()
    if _END.match(text, at):
        return None
    begin = _past(_SPACE if first else _COMMA, text, at)
    if not text.startswith('"', begin):
        raise ValueError("A member of a JSON object has no key.")
    key, end = _KEYS.raw_decode(text, begin)
    return key, _past(_COLON, text, end)


def _past(pattern: re.Pattern[str], text: str, begin: int) -> int:
    found = pattern.match(text, begin)
    if found is None:
        raise ValueError(f"The JSON object is broken at character {begin}.")
    return found.end()

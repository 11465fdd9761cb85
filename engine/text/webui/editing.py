r"""Prompt editing in the webui dialect: `[a:b:0.5]`, `[a:5]`, `[a::5]`, `[a|b]`. Text to a tree.

When a number switches is `timeline.py`'s business. A construct counts when it is complete: one that
holds a stray bracket, colon or `|` is text, and so is every bracket round it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.text.slices import Slice, joined

_TOKEN = re.compile(r"\\.|[\\()\[\]:|]|[^\\()\[\]:|]++")
_NUMBER = re.compile(r"\s*+[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*")


@dataclass(frozen=True, slots=True)
class Switch:
    """`before` up to what `number` says, then `after`."""

    before: "Items"
    after: "Items"
    number: str


@dataclass(frozen=True, slots=True)
class Alternation:
    """Another of `options` at each step."""

    options: tuple["Items", ...]


@dataclass(slots=True)
class Items:
    """A text that may hold constructs; what brackets enclose without a construct is a text too."""

    items: list["Slice | Switch | Alternation | Items"] = field(default_factory=list)

    def add(self, start: int, end: int) -> None:
        """The text goes on at `start`."""
        last = self.items[-1] if self.items else None
        if isinstance(last, tuple) and last[1] == start:
            self.items[-1] = (last[0], end)
        else:
            self.items.append((start, end))

    def enclose(self, inner: "Items") -> None:
        """The text goes on with another that may hold constructs."""
        if len(inner.items) > 1 or not all(isinstance(item, tuple) for item in inner.items):
            self.items.append(inner)
            return
        for item in inner.items:
            if isinstance(item, tuple):
                self.add(*item)


@dataclass(frozen=True, slots=True)
class Edited:
    """A prompt and what may change in it during a run.

    Attributes:
        text: as it is written.
        root: its tree.
        numbers: all numbers that switch something, as they are written.
        counts: how many options the alternations have, each number once.
        disabled: no editing, as a `|` outside brackets or a lone backslash forbids it.
    """

    text: str
    root: Items
    numbers: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    disabled: bool = False

    def slices(self, step: int, until: Callable[[str], int]) -> list[Slice]:
        """The parts of the text that are said in `step`, counted from 1.

        `until` gives the last step in which the text before a number is said.
        """
        found: list[Slice] = []
        todo = [*reversed(self.root.items)]
        while todo:
            match todo.pop():
                case Items(items):
                    todo += reversed(items)
                case Switch(before, after, number):
                    todo.append(before if step <= until(number) else after)
                case Alternation(options):
                    todo.append(options[(step - 1) % len(options)])
                case start, end:
                    found.append((start, end))
        return found

    def at(self, step: int, until: Callable[[str], int]) -> str:
        """The text that is said in `step`, counted from 1."""
        return joined(self.text, self.slices(step, until))


def read_editing(text: str) -> Edited:
    """The constructs in `text`. Time is linear in its length. Never raises."""
    reading = _Reading(text)
    for match in _TOKEN.finditer(text):
        reading.read(*match.span())
        if reading.disabled:
            break
    reading.give_up()
    if reading.disabled:
        return Edited(text, Items([(0, len(text))]), disabled=True)
    return Edited(
        text,
        reading.root,
        tuple(dict.fromkeys(reading.numbers)),
        tuple(dict.fromkeys(reading.counts)),
    )


@dataclass(slots=True)
class _Open:
    """A bracket that is not closed yet: its texts, and what stands between them."""

    at: int
    bracket: str
    sections: list[Items] = field(default_factory=lambda: [Items()])
    separators: list[int] = field(default_factory=list)


class _Reading:
    def __init__(self, text: str) -> None:
        self.text = text
        self.root = Items()
        self.open: list[_Open] = []
        self.numbers: list[str] = []
        self.counts: list[int] = []
        self.disabled = False

    def read(self, start: int, end: int) -> None:
        char = self.text[start]
        if char in "([":
            self.open.append(_Open(start, char))
        elif char in ":|":
            self._separate(start, char)
        elif char in ")]":
            self._close(start, char)
        elif char == "\\" and end == start + 1:
            self.disabled = True
        else:
            self._here().add(start, end)

    def give_up(self) -> None:
        """The open brackets are text: a part of them can never be completed."""
        for bracket in self.open:
            self.root.add(bracket.at, bracket.at + 1)
            self._write_out(bracket, self.root)
            self.disabled |= any(self.text[at] == "|" for at in bracket.separators)
        self.open.clear()

    def _here(self) -> Items:
        return self.open[-1].sections[-1] if self.open else self.root

    def _separate(self, at: int, char: str) -> None:
        if self.open:
            bracket = self.open[-1]
            most = 1 if bracket.bracket == "(" else 2
            others = {self.text[place] for place in bracket.separators} - {char}
            fits = bracket.bracket == "[" if char == "|" else len(bracket.separators) < most
            if fits and not others:
                bracket.separators.append(at)
                bracket.sections.append(Items())
                return
        self.give_up()
        self.disabled |= char == "|"
        self.root.add(at, at + 1)

    def _close(self, at: int, char: str) -> None:
        if not self.open or "([".index(self.open[-1].bracket) != ")]".index(char):
            self.give_up()
            self.root.add(at, at + 1)
            return
        bracket = self.open[-1]
        if bracket.bracket == "(" or not bracket.separators:
            self.open.pop()
            whole = Items([(bracket.at, bracket.at + 1)])
            self._write_out(bracket, whole)
            whole.add(at, at + 1)
            self._here().enclose(whole)
            return
        construct = self._construct(bracket)
        if construct is None:
            self.give_up()
            self.root.add(at, at + 1)
            return
        self.open.pop()
        self._here().items.append(construct)

    def _construct(self, bracket: _Open) -> Switch | Alternation | None:
        if self.text[bracket.separators[0]] == "|":
            self.counts.append(len(bracket.sections))
            return Alternation(tuple(bracket.sections))
        *texts, last = bracket.sections
        if len(last.items) != 1 or not isinstance(last.items[0], tuple):
            return None
        number = self.text[slice(*last.items[0])]
        if not _NUMBER.fullmatch(number):
            return None
        self.numbers.append(number)
        before, after = texts if len(texts) == 2 else (Items(), texts[0])
        return Switch(before, after, number)

    def _write_out(self, bracket: _Open, into: Items) -> None:
        """The sections and separators of a bracket as text."""
        for number, section in enumerate(bracket.sections):
            if number:
                at = bracket.separators[number - 1]
                into.add(at, at + 1)
            into.enclose(section)

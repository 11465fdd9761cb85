"""Templates on the server: `__name__`, `{2$$a|b|c}`, `{0.5::a|b}`, drawn by a seed.

The same template, seed and lists give the same prompt everywhere. Where lists come from is
`wildcard_files.py`'s business.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple, Protocol

from engine.text.dynamic import (
    Choice,
    Roll,
    Template,
    choose,
    place,
    read_template,
    unescaped,
    without_remarks,
)

MAX_DEPTH = 100
# A list may name itself twice in every line; what comes of it ends here.
MAX_DRAWN = 10_000
MAX_LENGTH = 1_000_000

_COUNT = re.compile(r"\s*(\d{1,4})?(?:(-)(\d{1,4})?)?\$\$", re.ASCII)
_WEIGHT = re.compile(r"\s*((?:\d+(?:\.\d*)?|\.\d+))::", re.ASCII)
_NAME = re.compile(r"[\w*][\w*/. -]*", re.ASCII)


class Option(NamedTuple):
    """A line of a list and how often it is drawn, compared with the others."""

    text: str
    weight: float = 1.0


class Lists(Protocol):
    """The lists that `__name__` draws from."""

    def options(self, name: str) -> Sequence[Option]:
        """The lines of list `name`, of all lists where it holds `*`; none when there is no such."""
        ...


@dataclass(frozen=True, slots=True)
class Drawn:
    """A prompt, and sentences about what of its template could not be acted upon."""

    text: str
    warnings: tuple[str, ...] = ()


def draw(template: str, seed: int, lists: Lists) -> Drawn:
    """`template` as a prompt. Unknown names stay as they are. Never raises."""
    drawing = _Drawing(lists, rolls(seed))
    text = unescaped(drawing.drawn(without_remarks(template), 0))
    return Drawn(text, tuple(dict.fromkeys(drawing.warnings)))


def rolls(seed: int) -> Roll:
    """Random numbers, 0 <= r < 1, that are the same for the same seed on every machine."""
    numbers = itertools.count()

    def roll() -> float:
        text = f"{seed}:{next(numbers)}".encode()
        return (int.from_bytes(blake2b(text, digest_size=8).digest()) >> 11) / (1 << 53)

    return roll


@dataclass(slots=True)
class _Drawing:
    lists: Lists
    roll: Roll
    count: int = 0
    written: int = 0
    warnings: list[str] = field(default_factory=list)

    def drawn(self, text: str, depth: int) -> str:
        """`text` with its choices made, then its names replaced; `depth` lists deep."""
        chosen = choose(read_template(text), self._pick)
        said = []
        for name, part in wildcard_names(chosen):
            said.append(part if name is None else self._line(name, part, depth))
        return "".join(said)

    def _line(self, name: str, written: str, depth: int) -> str:
        options = self.lists.options(name)
        if not options:
            self.warnings.append(
                f"There is no wildcard list {name!r}; its name stays in the prompt."
            )
            return written
        self.count += 1
        if depth >= MAX_DEPTH or self.count > MAX_DRAWN or self.written > MAX_LENGTH:
            self.warnings.append(f"The wildcard list {name!r} leads to itself without end.")
            return written
        option = options[_weighted([one.weight for one in options], self.roll)]
        self.written += len(option.text)
        return self.drawn(option.text, depth + 1)

    def _pick(self, choice: Choice) -> list[Template | str]:
        options, count, separator = self._counted(choice.options)
        weights, texts = zip(*map(_weight_of, options), strict=True)
        left, taken = list(range(len(texts))), []
        for _ in range(min(count, len(texts))):
            taken.append(left.pop(_weighted([weights[one] for one in left], self.roll)))
        said: list[Template | str] = []
        for one in taken:
            said += [separator, texts[one]] if said else [texts[one]]
        return said

    def _counted(self, options: list[Template]) -> tuple[list[Template], int, str]:
        """The options without `2$$` or `1-2$$ and $$` before them, the count, the separator."""
        first, match = _prefix(options[0], _COUNT)
        if match is None:
            return options, 1, ", "
        least = int(match[1] or 0) if match[2] else int(match[1] or 1)
        most = int(match[3] or len(options)) if match[2] else least
        most = min(most, len(options))
        count = least + place(self.roll, most - least + 1) if most > least else least
        separator = ", "
        text = first.items[0] if first.items and isinstance(first.items[0], str) else ""
        before, found, after = text.partition("$$")
        if found:
            separator = before
            first = Template([after, *first.items[1:]])
        return [first, *options[1:]], count, separator


def _prefix(option: Template, pattern: re.Pattern[str]) -> tuple[Template, re.Match[str] | None]:
    """`option` without what `pattern` finds at its start."""
    text = option.items[0] if option.items else ""
    match = pattern.match(text) if isinstance(text, str) else None
    if not isinstance(text, str) or match is None:
        return option, None
    return Template([text[match.end() :], *option.items[1:]]), match


def _weight_of(option: Template) -> tuple[float, Template]:
    rest, match = _prefix(option, _WEIGHT)
    return (1.0, option) if match is None else (min(float(match[1]), 1e9), rest)


def _weighted(weights: Sequence[float], roll: Roll) -> int:
    """A place, each as probable as its weight says; all equally where all weights are 0."""
    total = sum(weights)
    if total <= 0:
        return place(roll, len(weights))
    left = roll() * total
    for number, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return number
    return max(number for number, weight in enumerate(weights) if weight > 0)


def wildcard_names(text: str) -> Iterator[tuple[str | None, str]]:
    """The parts of `text`: names between double underscores, as they stand, and what is none."""
    at = start = 0
    while (opens := text.find("__", at)) >= 0 and (closes := text.find("__", opens + 2)) >= 0:
        name = text[opens + 2 : closes]
        if not _NAME.fullmatch(name) or name.endswith(" "):
            at = closes
            continue
        yield None, text[start:opens]
        yield name, text[opens : closes + 2]
        start = at = closes + 2
    yield None, text[start:]

"""Block weights: how strongly a LoRA acts in each block of a network, as people write it.

A vector has 12, 17, 20, 26 or 61 values, for the ids in ``blocks.py``; an id it does not name gets
0. Rules of the form ``blocks:elements:ratio`` then replace the ratio of modules whose block and
name they fit, the last one winning.

Source: the syntax of the block-weight extension, section 4.2 of the LoRA specification.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from random import Random

from engine.lora.blocks import ALL_IDS, IDS
from engine.lora.errors import LoraError


def _preset(*runs: tuple[float, int]) -> tuple[float, ...]:
    return tuple(value for value, count in runs for _ in range(count))


PRESETS: Mapping[str, tuple[float, ...]] = {
    "NONE": _preset((0, 17)),
    "ALL": _preset((1, 17)),
    "INS": _preset((1, 4), (0, 13)),
    "IND": _preset((1, 1), (0, 3), (1, 3), (0, 10)),
    "INALL": _preset((1, 7), (0, 10)),
    "MIDD": _preset((1, 1), (0, 3), (1, 8), (0, 5)),
    "OUTD": _preset((1, 1), (0, 7), (1, 4), (0, 5)),
    "OUTS": _preset((1, 1), (0, 11), (1, 5)),
    "OUTALL": _preset((1, 1), (0, 7), (1, 9)),
    "ALL0.5": _preset((0.5, 17)),
    "FLUXALL": _preset((1, 61)),
}
# What a letter draws from, with three decimals.
_RANDOM = {"R": (0.0, 1.0), "U": (-0.5, 1.5)}


@dataclass(frozen=True, slots=True)
class Rule:
    """Modules of ``blocks`` whose names hold any of ``elements``, or all, get ``ratio``."""

    blocks: frozenset[str]
    elements: tuple[str, ...]
    ratio: float

    def fits(self, block: str, module: str) -> bool:
        return block in self.blocks and (
            not self.elements or any(element in module for element in self.elements)
        )


@dataclass(frozen=True, slots=True)
class BlockWeights:
    """A ratio for every module, by which the strength of its component is multiplied."""

    ratios: tuple[tuple[str, float], ...]
    rules: tuple[Rule, ...] = ()

    def ratio(self, block: str | None, module: str) -> float:
        """For the module of this live name in this block; 1 outside of all blocks."""
        if block is None:
            return 1.0
        for rule in reversed(self.rules):
            if rule.fits(block, module):
                return rule.ratio
        return dict(self.ratios).get(block, 0.0)


def block_weights(
    text: str,
    rules: str = "",
    *,
    x: float = 1.0,
    seed: int = 0,
    presets: Mapping[str, str] | None = None,
) -> BlockWeights:
    """Read a preset's name or a vector, and rules.

    Args:
        text: a name, or values with commas between them: numbers, R (drawn from 0 to 1), U (from
            -0.5 to 1.5), X, X+n or X-n.
        rules: with commas between them; "" for none.
        x: what X stands for.
        seed: of what is drawn.
        presets: further names, from a file of the user's.

    Raises:
        LoraError: the text is none of that.
    """
    drawn = Random(seed)  # noqa: S311 - a seed is to give the same values again
    return weights_of(_values(text, x, drawn, presets or {}), rules)


def weights_of(values: tuple[float, ...], rules: str = "") -> BlockWeights:
    """The same, of a vector of numbers. Raises LoraError when there are too many or too few."""
    if len(values) not in IDS:
        counts = ", ".join(str(count) for count in IDS)
        raise LoraError(
            f"Block weights have {len(values)} values; there should be one for each block: "
            f"{counts} of them."
        )
    return BlockWeights(tuple(zip(IDS[len(values)], values, strict=True)), tuple(_rules(rules)))


def read_presets(text: str) -> dict[str, str]:
    """Names and vectors of a preset file: lines ``NAME:values``; all other lines are comments."""
    found = {}
    for line in text.splitlines():
        name, colon, values = line.partition(":")
        if colon and "#" not in line and len(values.split(",")) in IDS:
            found[name.strip()] = values.strip()
    return found


def _values(text: str, x: float, random: Random, presets: Mapping[str, str]) -> tuple[float, ...]:
    name = text.strip()
    if name in PRESETS:
        return PRESETS[name]
    given = presets.get(name, name)
    if "," not in given:
        raise LoraError(
            f"There is no block weight preset {name!r}; there are {', '.join(PRESETS)}."
        )
    return tuple(_value(one.strip(), x, random) for one in given.split(","))


def _value(text: str, x: float, random: Random) -> float:
    if text in _RANDOM:
        return round(random.uniform(*_RANDOM[text]), 3)
    if text.startswith("X"):
        return x + (_number(text[1:]) if text != "X" else 0.0)
    return _number(text)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise LoraError(f"The block weight {text!r} is not a number.")
    return value


def _rules(text: str) -> Iterator[Rule]:
    for one in (part.strip() for part in text.split(",")):
        if not one:
            continue
        parts = one.split(":")
        if len(parts) != 3:
            raise LoraError(
                f"The block weight rule {one!r} is not of the form blocks:elements:ratio."
            )
        yield Rule(_blocks(parts[0]), tuple(parts[1].split()), _number(parts[2]))


def _blocks(text: str) -> frozenset[str]:
    words = text.split()
    if not words:
        return frozenset((*ALL_IDS, *IDS[61]))
    inverted = words[0] == "NOT"
    found = frozenset(block for word in words[inverted:] for block in _span(word))
    return frozenset(ALL_IDS) - found if inverted else found


def _span(word: str) -> tuple[str, ...]:
    """One id, or all from the first to the last of two."""
    first, dash, last = word.partition("-")
    ids = ALL_IDS if first in ALL_IDS else IDS[61]
    if first not in ids or (dash and last not in ids):
        raise LoraError(
            f"{word!r} is not a block; blocks are BASE, IN00 to IN11, M00, OUT00 to OUT11."
        )
    start = ids.index(first)
    return ids[start : ids.index(last) + 1] if dash else (first,)

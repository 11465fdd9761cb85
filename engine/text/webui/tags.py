"""`<type:argument:...>` tags in the webui dialect: what is taken out of a prompt before it is read.

What the arguments of a LoRA mean is the LoRA room's business; a hypernetwork's are read here.
"""

import math
import re
from dataclasses import dataclass

from engine.text.slices import Slice

_TAG = re.compile(r"<(\w+):([^>]+)>")


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag: its type, as it is written; its arguments; where it stands."""

    type: str
    arguments: tuple[str, ...]
    at: Slice


@dataclass(frozen=True, slots=True)
class HypernetTag:
    """A hypernetwork by its name. `problem` is a sentence when its strength is no number."""

    name: str
    strength: float
    problem: str = ""


def read_tags(text: str) -> tuple[tuple[Slice, ...], tuple[Tag, ...]]:
    """What is left of `text` without its tags, and the tags. Spaces and commas round a tag stay.

    >>> slices, tags = read_tags("a <lora:x:0.5> cat")
    >>> slices, tags[0].type, tags[0].arguments
    (((0, 2), (14, 18)), 'lora', ('x', '0.5'))
    """
    kept: list[Slice] = []
    tags: list[Tag] = []
    at = 0
    # What stands after the last bracket cannot be in a tag and need not be searched for its end.
    for match in _TAG.finditer(text, 0, text.rfind(">") + 1):
        kept.append((at, match.start()))
        at = match.end()
        tags.append(Tag(match[1], tuple(match[2].split(":")), match.span()))
    kept.append((at, len(text)))
    return tuple(kept), tuple(tags)


def hypernet_of(tag: Tag) -> HypernetTag:
    """The hypernetwork that a tag of type `hypernet` asks for; strength 1 where it says nothing."""
    name, *others = tag.arguments
    try:
        strength = float(others[0]) if others else 1.0
    except ValueError:
        strength = math.nan
    if math.isfinite(strength):
        return HypernetTag(name, strength)
    problem = f"The strength {others[0]!r} of hypernetwork {name!r} is not a number; 1 is used."
    return HypernetTag(name, 1.0, problem)

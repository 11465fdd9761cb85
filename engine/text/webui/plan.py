"""A prompt in the webui dialect as it is said in a run: parts that guide together, each a schedule.

Pure text. Styles and wildcards are put in before; what the parts mean to a model is `encode.py`'s.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from engine.text.slices import joined
from engine.text.webui.comments import without_comments
from engine.text.webui.editing import read_editing
from engine.text.webui.tags import Tag, read_tags
from engine.text.webui.timeline import Stage, Timeline, stages
from engine.text.webui.together import Together, split_and


@dataclass(frozen=True, slots=True)
class Part:
    """One of the prompts that guide together.

    Attributes:
        weight: how much it counts.
        stages: its texts; the last one ends with the run.
        disabled: whether a stray `|` or backslash switched its prompt editing off.
    """

    weight: float
    stages: tuple[Stage, ...]
    disabled: bool = False

    @property
    def counts(self) -> Mapping[str, int]:
        """Its texts, each with how many stages it has."""
        return Counter(stage.text for stage in self.stages)

    @property
    def calls(self) -> tuple[tuple[int, int, str], ...]:
        """First and last call of the model, counted from 0, and the text that is said in them.

        webui counts calls from 0 and compares with steps that count from 1, so its first text is
        said once more than is written.
        """
        found: list[tuple[int, int, str]] = []
        for stage in self.stages:
            first = found[-1][1] + 1 if found else 0
            if found and found[-1][2] == stage.text:
                first = found.pop()[0]
            found.append((first, stage.last, stage.text))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Plan:
    """A prompt as it is said in a run. `tags` are the `<type:...>` tags that it asks with."""

    parts: tuple[Part, ...]
    tags: tuple[Tag, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether it is one text that is said all the time, at weight 1."""
        (first, *others) = self.parts
        return not others and first.weight == 1 and len(first.calls) == 1


def plan_prompt(text: str, timeline: Timeline, *, negative: bool = False) -> Plan:
    """How `text` is said in a run.

    In a negative prompt tags stay text, and AND is a word. Raises ValueError when prompt editing
    makes too many texts.
    """
    text = without_comments(text)
    if negative:
        return Plan((_part(text, Together((0, len(text)), 1.0), timeline),))
    kept, tags = read_tags(text)
    text = joined(text, kept)
    return Plan(tuple(_part(text, one, timeline) for one in split_and(text)), tags)


def _part(text: str, one: Together, timeline: Timeline) -> Part:
    edited = read_editing(text[slice(*one.at)])
    return Part(one.weight, stages(edited, timeline), edited.disabled)

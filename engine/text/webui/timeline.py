"""When prompt editing switches: numbers to calls of the model, and a prompt to its schedule."""

from collections.abc import Iterable
from dataclasses import dataclass

from engine.text.webui.editing import Edited, read_editing

# Of these a step calls the model twice.
TWICE = frozenset(("Heun", "DPM2", "DPM2 a", "DPM++ 2S a", "DPM++ SDE", "Restart"))
MAX_CALLS = 20_000
# What editing may make out of one prompt, in characters: every text is encoded.
MAX_TEXT = 10_000_000


@dataclass(frozen=True, slots=True)
class Timeline:
    """The calls of the model that a prompt is said in.

    Attributes:
        calls: of this pass; twice the steps for the samplers in `TWICE`.
        first_pass: for the second pass of a hires fix the calls of the first one, else None.
        old: numbers mean what they meant before webui 1.6, the first pass counting for both.
    """

    calls: int
    first_pass: int | None = None
    old: bool = False

    def __post_init__(self) -> None:
        for calls in (self.calls, 1 if self.first_pass is None else self.first_pass):
            if not 1 <= calls <= MAX_CALLS:
                raise ValueError(
                    f"Prompt editing was given {calls} steps; it needs between 1 and {MAX_CALLS}. "
                    "Set the steps of the text node to those of the sampler."
                )

    @property
    def length(self) -> int:
        """How many calls its schedules have."""
        return self.first_pass if self.old and self.first_pass is not None else self.calls

    def until(self, number: str) -> int:
        """The last step, counted from 1, of the text before `number`; 0 when it is never said."""
        value = float(number)
        if self.old:
            value = value * self.length if value < 1 else value
        elif self.first_pass is None:
            value = value * self.calls if "." in number else value
        else:
            value = (value - 1.0) * self.calls if "." in number else value - self.first_pass
        return int(min(max(value, 0.0), float(self.length)))


@dataclass(frozen=True, slots=True)
class Stage:
    """A text, and the last step that it is said in, counted from 1."""

    last: int
    text: str


def schedule(text: str, timeline: Timeline) -> tuple[Stage, ...]:
    """The texts of a prompt with prompt editing, one after the other.

    Raises ValueError when they are too many to be encoded.

    >>> schedule("a [b:0.5]", Timeline(10))
    (Stage(last=5, text='a '), Stage(last=10, text='a b'))
    """
    return stages(read_editing(text), timeline)


def stages(edited: Edited, timeline: Timeline) -> tuple[Stage, ...]:
    """`schedule` of a text whose constructs are read already."""
    length = timeline.length
    until = {number: timeline.until(number) for number in edited.numbers}
    switches = sorted({length, *until.values()} - {0})
    lasts: Iterable[int] = range(1, length + 1) if edited.counts else switches
    texts: dict[object, str] = {}
    written, told = 0, []
    for last in lasts:
        # What is said depends on nothing else: a text that comes again is not put together again.
        said = (*(last <= n for n in until.values()), *(last % count for count in edited.counts))
        if said not in texts:
            texts[said] = edited.at(last, until.__getitem__)
            written += len(texts[said])
            if written > MAX_TEXT:
                raise ValueError(
                    "Prompt editing makes too many different texts out of this prompt. Use fewer "
                    "switches, or fewer steps."
                )
        told.append(Stage(last, texts[said]))
    return tuple(told)

"""What a prompt says to a model, for the person who writes it: tokens, cuts, weights, mistakes.

Pure text: no networks, no files. What names exist is given. The engine dialect is here, the webui
dialect in `analysis_webui.py`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.text.chunks import Group, pack
from engine.text.emphasis import spoken, unpaired, weighted_parts
from engine.text.references import Learned, Unknown, read_references
from engine.text.slices import joined, places
from engine.text.tokenizer import clip_tokenizer
from engine.text.vectors import Row, RowTable
from engine.text.wildcards import wildcard_names

_TAG = re.compile(r"<(?:lora|lyco|hypernet):[^<>]+>")


@dataclass(frozen=True, slots=True)
class Known:
    """The names there are; a kind that is None is not looked at.

    Attributes:
        embeddings: how many vectors each has.
        loras: file stems, paths without extension, and the names they were trained under.
    """

    embeddings: Mapping[str, int] | None = None
    loras: frozenset[str] | None = None
    hypernetworks: frozenset[str] | None = None
    wildcards: frozenset[str] | None = None

    def rows(self, name: str) -> list[Row] | None:
        """Makes this a `Lexicon`, of vectors without contents."""
        count = (self.embeddings or {}).get(name)
        return None if count is None else [Row(name, number) for number in range(count)]


@dataclass(frozen=True, slots=True)
class Span:
    """`text[start:end]` is said with `weight`."""

    start: int
    end: int
    weight: float


@dataclass(frozen=True, slots=True)
class ChunkFacts:
    """How many of a chunk's 75 tokens are used, and where in the text its first one stands."""

    tokens: int
    start: int


@dataclass(frozen=True, slots=True)
class PartFacts:
    """One of the prompts that guide together; in the engine dialect there is one.

    Attributes:
        weight: how much it counts.
        texts: how many different texts prompt editing makes of it; the chunks and spans are those
            of the first.
    """

    weight: float
    texts: int
    chunks: tuple[ChunkFacts, ...]
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a prompt says.

    Attributes:
        unbalanced: where brackets stand that do not pair up.
        unknown: names that there are not, by kind: embeddings, loras, hypernetworks, wildcards.
        editing_disabled: whether a stray `|` or backslash switches prompt editing off.
        warnings: other sentences.
    """

    parts: tuple[PartFacts, ...]
    unbalanced: tuple[int, ...] = ()
    unknown: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    editing_disabled: bool = False
    warnings: tuple[str, ...] = ()


EVERYTHING = Known()


def analyse_engine(text: str, known: Known = EVERYTHING) -> Analysis:
    """What `text` says in the engine dialect. Never raises."""
    reading = _Reading(known)
    spans = []
    for (start, end), weight in weighted_parts(text):
        spans.append(Span(start, end, weight))
        reading.add(text, start, end)
    warnings = []
    if _TAG.search(text):
        warnings.append(
            "<lora:...> is plain text in this node. Use a LoRA loader, or the webui text node."
        )
    return Analysis(
        (PartFacts(1.0, 1, reading.chunks(), tuple(spans)),),
        tuple(unpaired(text)),
        missing(known, wildcards=wildcards_in(text), embeddings=reading.unknown),
        warnings=tuple(warnings),
    )


def missing(known: Known, **said: list[str]) -> dict[str, tuple[str, ...]]:
    """The names in `said` that there are not, each once, by kind."""
    found = {}
    for kind, names in said.items():
        there = getattr(known, kind)
        absent = tuple(dict.fromkeys(name for name in names if name not in (there or ())))
        if there is not None and absent:
            found[kind] = absent
    return found


def wildcards_in(text: str) -> list[str]:
    """The names that `text` draws from lists."""
    return [name for name, _ in wildcard_names(text) if name is not None]


class _Reading:
    """The pieces of a prompt (a text, or the ids of vectors), and where each of them stands."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.unknown: list[str] = []
        self._table = RowTable()
        self._pieces: list[tuple[str | tuple[int, ...], list[int], int]] = []

    def add(self, text: str, start: int, end: int) -> None:
        """A segment of `text`."""
        slices = spoken(text, start, end)
        said, stood = joined(text, slices), places(slices)
        if self.known.embeddings is None:
            self._pieces.append((said, stood, 0))
            return
        for piece, at in read_references(said, self.known):
            match piece:
                case str():
                    self._pieces.append((piece, stood, at))
                case Learned(rows=rows):
                    self._pieces.append((self._table.ids(rows), stood, at))
                case Unknown(name):
                    self.unknown.append(name)

    def chunks(self) -> tuple[ChunkFacts, ...]:
        texts = [piece for piece, _, _ in self._pieces if isinstance(piece, str)]
        ids = iter(clip_tokenizer().encode_all(texts))
        begins = iter(clip_tokenizer().places_all(texts))
        groups, starts = [], []
        for piece, stood, at in self._pieces:
            if isinstance(piece, str):
                groups.append(Group(tuple(next(ids)), 1.0))
                # White space in a reference is said as one space, so that places may be short.
                starts += [stood[min(at + one, len(stood) - 1)] for one in next(begins)]
            else:
                groups.append(Group(piece, 1.0))
                starts += [stood[at]] * len(piece)
        return chunk_facts([sum(map(bool, one.groups)) for one in pack(groups)], starts)


def chunk_facts(counts: list[int], starts: list[int]) -> tuple[ChunkFacts, ...]:
    """Chunks of `counts` tokens, which stand at `starts` in reading order."""
    found, at = [], 0
    for count in counts:
        end = starts[-1] if starts else 0
        found.append(ChunkFacts(count, starts[at] if at < len(starts) else end))
        at += count
    return tuple(found)

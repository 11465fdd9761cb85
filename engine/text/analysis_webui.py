"""`analysis.py` for the webui dialect: tags, AND, prompt editing, both kinds of brackets."""

import re

from engine.text.analysis import (
    EVERYTHING,
    Analysis,
    Known,
    PartFacts,
    Span,
    chunk_facts,
    missing,
    wildcards_in,
)
from engine.text.slices import joined, places
from engine.text.tokenizer import clip_tokenizer
from engine.text.webui.attention import Piece, read_attention
from engine.text.webui.chunks import BACKTRACK, BareNames, tokenize_webui
from engine.text.webui.comments import comments_replaced
from engine.text.webui.editing import Edited, read_editing
from engine.text.webui.tags import Tag, hypernet_of, read_tags
from engine.text.webui.timeline import Timeline, stages
from engine.text.webui.together import Together, split_and

_BRACKET = re.compile(r"\\.|[()\[\]]", re.DOTALL)
_PAIRS = {")": "(", "]": "["}
_DEFAULT_TIMELINE = Timeline(20)


def analyse_webui(
    text: str,
    known: Known = EVERYTHING,
    timeline: Timeline = _DEFAULT_TIMELINE,
    *,
    backtrack: int = BACKTRACK,
    negative: bool = False,
) -> Analysis:
    """What `text` says in the webui dialect in the steps of `timeline`.

    Raises ValueError when prompt editing makes too many texts.
    """
    clean, stood = comments_replaced(text)
    tags: tuple[Tag, ...] = ()
    together: tuple[Together, ...] = (Together((0, len(clean)), 1.0),)
    if not negative:
        kept, tags = read_tags(clean)
        clean, stood = joined(clean, kept), places(kept, stood)
        together = split_and(clean)
    names = BareNames(list(known.embeddings or {}), known)
    parts, disabled = [], False
    for one in together:
        start, end = one.at
        edited = read_editing(clean[start:end])
        disabled |= edited.disabled
        parts.append(_part(one.weight, edited, stood[start:end], timeline, names, backtrack))
    hypernets = [hypernet_of(tag) for tag in tags if tag.type == "hypernet"]
    return Analysis(
        tuple(parts),
        tuple(_unpaired(text)),
        missing(
            known,
            loras=[tag.arguments[0] for tag in tags if tag.type in ("lora", "lyco")],
            hypernetworks=[one.name for one in hypernets],
            wildcards=wildcards_in(clean),
        ),
        disabled,
        tuple(one.problem for one in hypernets if one.problem),
    )


def _part(
    weight: float,
    edited: Edited,
    stood: list[int],
    timeline: Timeline,
    names: BareNames,
    backtrack: int,
) -> PartFacts:
    texts = {stage.text for stage in stages(edited, timeline)}
    slices = edited.slices(1, timeline.until)
    said, stood = joined(edited.text, slices), places(slices, stood)
    pieces = read_attention(said)
    tokens = tokenize_webui(pieces, backtrack=backtrack, names=names)
    begins = clip_tokenizer().places_all([piece.text for piece in pieces])
    within = [places(piece.slices, stood) for piece in pieces]
    starts = [within[piece][begins[piece][at]] for chunk in tokens.origins for piece, at in chunk]
    spans = [span for piece in pieces if not piece.breaks for span in _spans(piece, stood)]
    counts = [len(chunk) for chunk in tokens.origins]
    return PartFacts(weight, len(texts), chunk_facts(counts, starts), tuple(spans))


def _spans(piece: Piece, stood: list[int]) -> list[Span]:
    """Where a piece stands; the backslash of an escape does not part it."""
    found: list[Span] = []
    before = -1
    for start, end in piece.slices:
        if end == start:
            continue
        last = found[-1] if found else None
        if last is not None and start == before + 1 and stood[start] == last.end + 1:
            found[-1] = Span(last.start, stood[end - 1] + 1, piece.weight)
        else:
            found.append(Span(stood[start], stood[end - 1] + 1, piece.weight))
        before = end
    return found


def _unpaired(text: str) -> list[int]:
    """Where brackets stand that do not pair up, round and square ones each for themselves."""
    opened: dict[str, list[int]] = {"(": [], "[": []}
    stray = []
    for match in _BRACKET.finditer(text):
        if match[0] in opened:
            opened[match[0]].append(match.start())
        elif match[0] in _PAIRS and not opened[_PAIRS[match[0]]]:
            stray.append(match.start())
        elif match[0] in _PAIRS:
            opened[_PAIRS[match[0]]].pop()
    return sorted([*stray, *opened["("], *opened["["]])

"""Any text at all: no exception, and work that grows with the text's length and no faster."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.formats.infotext import read_infotext
from engine.formats.infotext_settings import infotext_of, settings_of
from engine.lora.tags import read_prompt
from engine.text.analysis import Known, analyse_engine
from engine.text.analysis_webui import analyse_webui
from engine.text.chunks import tokenize
from engine.text.dynamic import resolve_template
from engine.text.t5 import tokenize_t5
from engine.text.webui.attention import read_attention
from engine.text.webui.chunks import BareNames, tokenize_webui
from engine.text.webui.editing import read_editing
from engine.text.webui.plan import plan_prompt
from engine.text.webui.tags import read_tags
from engine.text.webui.timeline import Timeline
from engine.text.webui.together import split_and
from engine.text.wildcards import Option, draw

KNOWN = Known({"foo": 3, "a b": 78}, frozenset(), frozenset(), frozenset())
NAMES = BareNames(["foo", "a b"], KNOWN)

# What prompts of all dialects are made of.
WORDS = st.sampled_from(
    [
        *"()[]{}<>:|\\#_,.$ \n\t\0a1",
        *(":1.2)", ":0.5]", "::", "BREAK", " AND ", ":-3", "embedding:", " embedding:foo", "foo"),
        *("<lora:x:1>", "<hypernet:", "__w__", "2$$", "0.5::", "//", "/*", "*/", "1e999", "inf"),
        *("<|endoftext|>", "Negative prompt:", "Steps: 2, ", 'Seed: "', "Size: 5x5", "雨", "é"),
        *("\ufffd", "\u200b", "\ud83d", "\udc00", "😀", "a b " * 3, "(" * 60, "word, " * 30),
    ]
)
PROMPTS = st.one_of(
    st.lists(WORDS, max_size=30).map("".join),
    st.text(max_size=60),
    st.text(alphabet=st.characters(codec=None), max_size=40),
)


class Lists:
    def options(self, name: str) -> list[Option]:
        return [Option(f"{{{name}|__w__|2$$}} x"), Option("y", 0.0)] if name == "w" else []


def read_everywhere(text: str, steps: int) -> None:
    """`text` through all that reads prompts."""
    tokenize(text, lexicon=KNOWN)
    tokenize(text, legacy=True)
    tokenize_t5(text)
    for strict in (False, True):
        pieces = read_attention(text, strict=strict)
        for chunk in tokenize_webui(pieces, names=NAMES).chunks:
            assert len(chunk.ids) == len(chunk.weights) == len(chunk.groups) == 77
    for negative in (False, True):
        plan = plan_prompt(text, Timeline(steps), negative=negative)
        assert all(part.calls[-1][1] == steps for part in plan.parts)
    plan_prompt(text, Timeline(steps, first_pass=7, old=bool(steps % 2)))
    read_prompt(text)
    resolve_template(text, lambda: 0.7)
    draw(text, steps, Lists())
    settings = settings_of(text)
    infotext_of(settings)
    analyse_engine(text, KNOWN)
    analyse_webui(text, KNOWN)


@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PROMPTS, st.integers(1, 12))
def test_any_prompt_is_read(text: str, steps: int) -> None:
    read_everywhere(text, steps)


@pytest.mark.slow
@settings(max_examples=100_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PROMPTS, st.integers(1, 12))
def test_a_hundred_thousand_prompts_are_read(text: str, steps: int) -> None:
    read_everywhere(text, steps)


READERS: dict[str, Callable[[str], Any]] = {
    "tokenize": lambda text: tokenize(text, lexicon=KNOWN),
    "attention": read_attention,
    "chunks": lambda text: tokenize_webui(read_attention(text), names=NAMES),
    "editing": lambda text: read_editing(text).at(3, lambda number: int(float(number))),
    "tags": read_tags,
    "and": split_and,
    "plan": lambda text: plan_prompt(text, Timeline(20)),
    "template": lambda text: resolve_template(text, lambda: 0.7),
    "draw": lambda text: draw(text, 1, Lists()),
    "infotext": read_infotext,
    "analyse": lambda text: analyse_engine(text, KNOWN),
    "analyse webui": lambda text: analyse_webui(text, KNOWN),
}
HOSTILE = [
    "(",
    ")",
    "[",
    "[a|b]",
    "[a:",
    "(a:1.2",
    "(a)",
    "[[",
    ":1.2)",
    ":",
    "{",
    "{a|",
    "|",
    "\\",
    "\\(",
    "<a:",
    "<a:b>",
    "#",
    "#\n",
    "/*",
    "//",
    "//\n",
    "__",
    "__a__",
    " ",
    "a",
    " AND ",
    "BREAK ",
    " BREAK",
    " embedding:",
    "foo ",
    "ab: ",
    'ab: "',
    "Hashes: {",
    ", ",
    "1",
]
SIZE = 1_200


def calls(read: Callable[[str], Any], text: str) -> int:
    """How many functions are called while `text` is read."""
    count = 0

    def counted(*_: object) -> None:
        nonlocal count
        count += 1

    sys.setprofile(counted)
    try:
        read(text)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("reader", READERS)
def test_work_grows_with_the_length_of_the_text(reader: str) -> None:
    read = READERS[reader]
    read("warm up (a:1.2)")
    for unit in HOSTILE:
        once, twice = (calls(read, unit * (size // len(unit))) for size in (SIZE, 2 * SIZE))
        assert twice <= 2.2 * once + 500, (unit, once, twice)


def test_a_closing_that_is_far_away_is_looked_for_once() -> None:
    """Halves that fit together only at the two ends of the text."""
    for opening, closing in (("(", ")"), ("[", "]"), ("[a|", "]"), ("{a|", "}"), ("[", ":3]")):
        for reader, read in READERS.items():
            once, twice = (
                calls(read, opening * size + "x" + closing * size) for size in (SIZE // 2, SIZE)
            )
            assert twice <= 2.2 * once + 500, (reader, opening, once, twice)

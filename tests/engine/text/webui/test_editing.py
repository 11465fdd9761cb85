"""Prompt editing and alternation, as the specification's section 7 tells it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.text.webui.editing import read_editing
from engine.text.webui.timeline import MAX_CALLS, Stage, Timeline, schedule
from tests.engine.text.golden import Case, cases


def timeline(case: Case) -> Timeline:
    hires = case["hires_steps"]
    return Timeline(hires or case["steps"], case["steps"] if hires else None, case["old_timelines"])


@pytest.mark.vectors
def test_every_schedule_is_the_reference_s() -> None:
    for case in cases("a1111", "schedules", 162):
        found = [[stage.last, stage.text] for stage in schedule(case["text"], timeline(case))]
        assert found == case["schedule"], case


@pytest.mark.parametrize(
    ("number", "first", "hires", "old"),
    [
        ("0.5", 10, 0, 10),
        ("1.5", 20, 6, 1),
        ("1.0", 20, 0, 1),
        ("25", 20, 5, 20),
        ("-1", 0, 0, 0),
        ("1e999", 20, 12, 20),
    ],
)
def test_numbers_mean_steps_of_the_pass_they_are_for(
    number: str, first: int, hires: int, old: int
) -> None:
    assert Timeline(20).until(number) == first
    assert Timeline(12, first_pass=20).until(number) == hires
    assert Timeline(20, old=True).until(number) == old


@pytest.mark.parametrize("text", ["a|b [c:d:3]", "{a|b} [c:d:3]", "[c:d:3]\\", "a\\\n[c:d:3]"])
def test_a_stray_bar_or_backslash_switches_editing_off(text: str) -> None:
    assert read_editing(text).disabled
    assert schedule(text, Timeline(10)) == (Stage(10, text),)


@pytest.mark.parametrize("calls", [0, -1, MAX_CALLS + 1])
def test_steps_that_no_sampler_has_are_refused(calls: int) -> None:
    with pytest.raises(ValueError, match="Set the steps of the text node"):
        Timeline(calls)


def test_more_text_than_can_be_encoded_is_refused() -> None:
    text = "".join(f"[{'a' * 100}:b:{step}]" for step in range(1, 2000))
    with pytest.raises(ValueError, match="fewer switches"):
        schedule(text, Timeline(2000))


class _Stop(Exception):
    """There is no complete construct here."""


def plainly(text: str, step: int) -> str:
    """The grammar of the specification by recursive descent; numbers are steps."""

    def parts(at: int, stops: str) -> tuple[str, int]:
        said = ""
        while at < len(text) and text[at] not in stops:
            if text[at] == "\\" and at + 1 < len(text):
                said, at = said + text[at : at + 2], at + 2
            elif text[at] in "([":
                inner, at = construct(at)
                said += inner
            elif text[at] in ":|)]\\":
                raise _Stop
            else:
                said, at = said + text[at], at + 1
        if at >= len(text):
            raise _Stop
        return said, at

    def construct(at: int) -> tuple[str, int]:
        close = ")" if text[at] == "(" else "]"
        sections, separators, here = [], "", at + 1
        while True:
            start = here
            said, here = parts(here, f":|{close}")
            sections.append((said, text[start:here]))
            here += 1
            if text[here - 1] == close:
                break
            separators += text[here - 1]
        if close == ")" and separators in ("", ":"):
            return f"({separators.join(said for said, _ in sections)})", here
        if close == "]" and not separators:
            return f"[{sections[0][0]}]", here
        if close == "]" and set(separators) == {"|"}:
            return sections[(step - 1) % len(sections)][0], here
        number = sections[-1][1].strip()
        if close == "]" and separators in (":", "::") and re.fullmatch(r"\d+", number):
            before, after = (
                ("", sections[0][0]) if separators == ":" else (s[0] for s in sections[:2])
            )
            return before if step <= int(number) else after, here
        raise _Stop

    said, at = "", 0
    while at < len(text):
        if text[at] == "|" or text[at:] == "\\":
            return text
        if text[at] == "\\":
            said, at = said + text[at : at + 2], at + 2
            continue
        try:
            inner, at = construct(at) if text[at] in "([" else (text[at], at + 1)
        except _Stop:
            inner, at = text[at], at + 1
        said += inner
    return said


@given(
    st.lists(st.sampled_from([*"([])::||ab3\\", ":2]", "[a:b:1]", "[x|y]"]), max_size=25),
    st.integers(1, 6),
)
def test_any_text_is_read_as_the_specification_says(tokens: list[str], step: int) -> None:
    text = "".join(tokens)
    assert read_editing(text).at(step, int) == plainly(text, step)

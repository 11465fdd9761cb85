"""Emphasis in the webui dialect, as the specification's section 7 tells it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.text.slices import joined
from engine.text.webui.attention import MAX_DEPTH, read_attention
from tests.engine.text.golden import cases


@pytest.mark.vectors
def test_every_prompt_is_read_as_the_reference_reads_it() -> None:
    for case in cases("a1111", "attention", 100, lambda case: "parsed" in case):
        found = [[piece.text, piece.weight] for piece in read_attention(case["text"], strict=True)]
        assert found == case["parsed"], case


@pytest.mark.vectors
def test_numbers_that_the_reference_fails_on_are_text() -> None:
    for case in cases("a1111", "attention", 1, lambda case: "error" in case):
        (piece,) = read_attention(case["text"])
        assert (piece.text, piece.weight) == (case["text"].strip("()"), 1.1)


def test_a_break_in_brackets_breaks_unless_the_reference_is_to_be_followed() -> None:
    ours = read_attention("(a BREAK b:1.2)")
    assert [(piece.text, piece.breaks) for piece in ours] == [
        ("a", False),
        ("BREAK", True),
        ("b", False),
    ]
    strict = read_attention("(a BREAK b:1.2)", strict=True)
    assert [(piece.text, piece.weight, piece.breaks) for piece in strict][1] == (
        "BREAK",
        -1.2,
        False,
    )
    assert read_attention("a BREAK b", strict=True)[1].breaks


def test_pieces_know_where_they_stand() -> None:
    text = r"a \(real\) (cat:1.3)[x]"
    for piece in read_attention(text):
        assert joined(text, piece.slices) == piece.text


def test_brackets_deeper_than_the_limit_change_no_weight() -> None:
    depth = MAX_DEPTH + 50
    (piece,) = read_attention("(" * depth + "cat" + ")" * depth)
    assert piece.text == "cat"
    assert piece.weight == pytest.approx(1.1**MAX_DEPTH)


def plainly(text: str) -> list[tuple[str, float]]:
    """The rules of the specification, read aloud; without BREAK and malformed numbers."""
    found: list[list[object]] = []
    opened: dict[str, list[int]] = {"(": [], "[": []}
    pattern = r"\\[()\[\]\\]|\\|:\s*([+-]?[.\d]+)\s*\)|[()\[\]:]|[^\\()\[\]:]+"

    def close(bracket: str, factor: float) -> None:
        for item in found[opened[bracket].pop() :]:
            item[1] = float(str(item[1])) * factor

    for match in re.finditer(pattern, text):
        token = match[0]
        if token[0] == "\\":
            found += [[token[1], 1.0]] if len(token) == 2 else []
        elif token in opened:
            opened[token].append(len(found))
        elif match[1] is not None and opened["("]:
            close("(", float(match[1]))
        elif token == ")" and opened["("]:
            close("(", 1.1)
        elif token == "]" and opened["["]:
            close("[", 1 / 1.1)
        else:
            found.append([token, 1.0])
    for bracket, factor in (("(", 1.1), ("[", 1 / 1.1)):
        while opened[bracket]:
            close(bracket, factor)
    merged: list[tuple[str, float]] = []
    for piece, weight in found or [["", 1.0]]:
        if merged and merged[-1][1] == weight:
            merged[-1] = (merged[-1][0] + str(piece), merged[-1][1])
        else:
            merged.append((str(piece), float(str(weight))))
    return merged


@given(st.lists(st.sampled_from([*"()[]ab \\", ":1.3)", ":", ":.5 )", ": -2)"]), max_size=30))
def test_any_text_is_read_as_the_specification_says(tokens: list[str]) -> None:
    text = "".join(tokens)
    found = [(piece.text, piece.weight) for piece in read_attention(text)]
    assert [text for text, _ in found] == [text for text, _ in plainly(text)]
    assert [weight for _, weight in found] == pytest.approx([w for _, w in plainly(text)])

"""Chunks of 77: the golden token lists, and the packing rules one by one."""

import json
from typing import Any

import pytest

from engine.text.chunks import Group, pack, tokenize
from engine.text.tokenizer import END, START
from tests.support import vectors


def cases(key: str) -> list[dict[str, Any]]:
    every = json.loads(vectors("prompt", "tokens.json").read_text())["cases"]
    return [case for case in every if key in case]


@pytest.mark.vectors
@pytest.mark.parametrize(
    ("key", "options", "count"),
    [("l", {}, 185), ("g", {"padding": 0}, 185), ("l_weights_disabled", {"weights": False}, 9)],
)
def test_chunks_equal_the_reference_s(key: str, options: dict[str, Any], count: int) -> None:
    found = cases(key)
    assert len(found) >= count
    for case in found:
        chunks = tokenize(case["text"], **options).chunks
        assert [list(chunk.ids) for chunk in chunks] == [want["ids"] for want in case[key]], case
        for chunk, want in zip(chunks, case[key], strict=True):
            weights = {i: weight for i, weight in enumerate(chunk.weights) if weight != 1}
            assert weights == {int(i): float(w) for i, w in want.get("w", {}).items()}, case


@pytest.mark.vectors
def test_word_numbers_equal_the_reference_s() -> None:
    found = cases("l_word_ids")
    assert len(found) >= 17
    for case in found:
        chunks = tokenize(case["text"]).chunks
        assert [list(chunk.groups) for chunk in chunks] == case["l_word_ids"], case


def test_an_empty_prompt_is_one_chunk_of_start_and_end() -> None:
    (chunk,) = pack(())
    assert chunk.ids == (START, *[END] * 76)
    assert set(chunk.weights) == {1.0}


def test_a_short_group_moves_to_the_next_chunk_whole() -> None:
    first, second = pack([Group((1,) * 70, 1.0), Group((2,) * 7, 1.3)])
    assert first.ids == (START, *[1] * 70, *[END] * 6)
    assert second.ids[:9] == (START, *[2] * 7, END)
    assert second.weights[1:8] == (1.3,) * 7


def test_a_long_group_is_cut_where_the_chunk_ends() -> None:
    first, second = pack([Group((1,) * 70, 1.0), Group((2,) * 8, 1.3)])
    assert first.ids == (START, *[1] * 70, *[2] * 5, END)
    assert second.ids[:5] == (START, *[2] * 3, END)
    assert second.groups[1:5] == (2, 2, 2, 0)


def test_exactly_75_tokens_fill_one_chunk() -> None:
    (chunk,) = pack([Group((1,) * 75, 1.0)])
    assert chunk.ids == (START, *[1] * 75, END)
    assert len(pack([Group((1,) * 76, 1.0)])) == 2


def test_every_chunk_has_77_slots_and_plain_start_and_end() -> None:
    for chunk in tokenize("(a very long prompt, " * 90 + ":1.4)", padding=0).chunks:
        assert len(chunk.ids) == len(chunk.weights) == len(chunk.groups) == 77
        assert (chunk.ids[0], chunk.weights[0], chunk.groups[0]) == (START, 1.0, 0)


def test_embedding_references_are_named() -> None:
    tokens = tokenize("embedding:a, (embedding:b/c:1.2)\nembedding:d.pt x,embedding:no")
    assert tokens.references == ("a", "b/c", "d.pt")

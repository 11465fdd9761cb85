"""Odd characters, and the tokenizer that older installations had."""

import pytest

from engine.text.chunks import tokenize
from engine.text.t5 import tokenize_t5
from engine.text.tokenizer import clip_tokenizer
from engine.text.unicode import as_read_by_legacy_tokenizers, whole
from tests.engine.text.golden import cases


@pytest.mark.vectors
def test_the_legacy_tokenizer_s_chunks_are_those_of_older_installations() -> None:
    differing = cases("tokens", "cases", 8, lambda case: "l_transformers4" in case)
    for case in cases("tokens", "cases", 185):
        want = case.get("l_transformers4", case["l"])
        found = tokenize(case["text"], legacy=True).chunks
        assert [list(chunk.ids) for chunk in found] == [chunk["ids"] for chunk in want], case
    assert all(case["l_transformers4"] != case["l"] for case in differing)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("雨の街", "雨 の 街"),
        ("zero\u200bwidth", "zerowidth"),
        ("tab\there\u3000now", "tab here now"),
        ("ΛΟΓΟΣ Λ", "λογος λ"),
        ("<|endoftext|> A", "<|endoftext|> a"),
        ("null\x00bell\x07", "nullbell"),
    ],
)
def test_legacy_tokenizers_clean_their_text(text: str, read: str) -> None:
    assert as_read_by_legacy_tokenizers(text) == read


def test_half_characters_are_joined_or_replaced() -> None:
    assert whole("\ud83d\ude00 \ud83d a\udc00") == "😀 \ufffd a\ufffd"
    assert whole("plain 😀") == "plain 😀"


def test_half_characters_can_be_tokenised() -> None:
    assert clip_tokenizer().encode("\ud83d\ude00") == clip_tokenizer().encode("😀")
    assert len(tokenize("a \udc00 b", legacy=True).chunks) == 1
    assert len(tokenize_t5("\udc00").ids) == 77

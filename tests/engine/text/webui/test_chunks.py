"""Chunks of 75 in the webui dialect: BREAK, commas, and names of embeddings."""

import pytest

from engine.text.tokenizer import END, START
from engine.text.vectors import VOCABULARY, Row, RowTable
from engine.text.webui.attention import Piece, read_attention
from engine.text.webui.chunks import BareNames, tokenize_webui
from tests.engine.text.golden import cases, weights_in, weights_of


@pytest.mark.vectors
def test_every_prompt_has_the_reference_s_chunks() -> None:
    for case in cases("a1111", "chunks", 47):
        pieces = read_attention(case["text"], strict=True)
        found = tokenize_webui(pieces, backtrack=case["backtrack"])
        assert found.count == case["token_count"], case
        assert [list(chunk.ids) for chunk in found.chunks] == [w["ids"] for w in case["chunks"]]
        for chunk, want in zip(found.chunks, case["chunks"], strict=True):
            assert weights_of(chunk) == weights_in(want), case


class Names:
    """A lexicon of embeddings by how many vectors they have."""

    def __init__(self, **counts: int) -> None:
        self.counts = counts

    def rows(self, name: str) -> list[Row] | None:
        count = self.counts.get(name)
        return None if count is None else [Row(name, number) for number in range(count)]


def ids(text: str, **counts: int) -> list[list[int]]:
    """The tokens of each chunk, without start, end and padding."""
    names = BareNames(list(counts), Names(**counts))
    found = tokenize_webui(read_attention(text), names=names)
    assert [len(origins) for origins in found.origins] == [
        sum(map(bool, chunk.groups)) for chunk in found.chunks
    ]
    return [
        [one for one, group in zip(chunk.ids, chunk.groups, strict=True) if group]
        for chunk in found.chunks
    ]


def test_a_name_is_its_vectors_wherever_its_tokens_stand() -> None:
    assert ids("a cat", cat=2) == [[320, VOCABULARY, VOCABULARY + 1]]
    assert ids("a CAT cat", cat=1) == [[320, VOCABULARY, VOCABULARY]]


def test_the_longest_name_counts() -> None:
    assert ids("a red cat", red=1, **{"red cat": 1}) == [[320, VOCABULARY]]


def test_a_name_is_not_found_across_weights() -> None:
    assert len(ids("red (cat)", **{"red cat": 1})[0]) == 2


def test_a_name_whose_vectors_do_not_fit_is_a_word() -> None:
    assert ids("a cat", cat=0) == [[320, 2368]]


def test_vectors_that_do_not_fit_start_the_next_chunk() -> None:
    first, second = ids("dog " * 74 + "cat", cat=3)
    assert (len(first), len(second)) == (74, 3)


def test_more_vectors_than_a_chunk_fill_several() -> None:
    assert [len(chunk) for chunk in ids("cat", cat=100)] == [75, 25]


def test_texts_of_a_batch_share_the_numbers_of_their_vectors() -> None:
    table, names = RowTable(), BareNames(["cat"], Names(cat=1))
    for text in ("cat", "a cat"):
        tokenize_webui([Piece(text, 1.0)], names=names, table=table)
    assert table.rows == (Row("cat", 0),)


def test_what_follows_a_typed_end_token_is_padding_where_padding_is_another() -> None:
    (chunk,) = tokenize_webui(read_attention("a <|endoftext|> b"), padding=0).chunks
    assert chunk.ids[:5] == (START, 320, END, 0, 0)
    assert set(chunk.ids[3:]) == {0}

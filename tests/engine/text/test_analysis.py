"""What a prompt says, for the person who writes it."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.text.analysis import Known, analyse_engine
from engine.text.analysis_webui import analyse_webui
from engine.text.chunks import tokenize
from engine.text.webui.attention import read_attention
from engine.text.webui.chunks import tokenize_webui
from tests.engine.text.golden import cases
from tests.support import REPOSITORY

KNOWN = Known({"foo": 3}, frozenset({"a"}), frozenset({"h"}), frozenset({"c"}))


@pytest.mark.vectors
def test_tokens_and_weights_are_those_that_are_encoded() -> None:
    for case in cases("tokens", "cases", 185):
        (part,) = analyse_engine(case["text"]).parts
        chunks = tokenize(case["text"]).chunks
        assert [chunk.tokens for chunk in part.chunks] == [
            sum(map(bool, chunk.groups)) for chunk in chunks
        ], case


@pytest.mark.vectors
def test_webui_s_tokens_are_those_that_are_encoded() -> None:
    for case in cases("a1111", "chunks", 47):
        (part,) = analyse_webui(case["text"], backtrack=case["backtrack"]).parts
        found = tokenize_webui(read_attention(case["text"]), backtrack=case["backtrack"])
        assert [chunk.tokens for chunk in part.chunks] == [
            sum(map(bool, chunk.groups)) for chunk in found.chunks
        ], case


def test_cuts_are_where_the_next_chunk_s_first_word_stands() -> None:
    text = "dog " * 75 + "cat"
    assert [text[chunk.start :][:3] for chunk in analyse_engine(text).parts[0].chunks] == [
        "dog",
        "cat",
    ]
    text = "# none\n<lora:a:1>" + "dog " * 70 + ", a red cat in the snow"
    (part,) = analyse_webui(text).parts
    assert [text[chunk.start :][:3] for chunk in part.chunks] == ["dog", "a r"]


@pytest.mark.parametrize("analyse", [analyse_engine, analyse_webui])
def test_spans_have_their_weights(analyse: object) -> None:
    text = r"a \(b\) (red:1.3) cat"
    (part,) = analyse(text).parts  # type: ignore[operator]
    assert [(text[span.start : span.end], span.weight) for span in part.spans] == [
        (r"a \(b\) ", 1.0),
        ("red", 1.3),
        (" cat", 1.0),
    ]


def test_brackets_without_partners_are_named() -> None:
    assert analyse_engine(r"(a) b) \( (c [d").unbalanced == (5, 10)
    assert analyse_webui(r"(a) b) \( (c [d] [").unbalanced == (5, 10, 17)
    assert analyse_webui("([a)]").unbalanced == ()


def test_names_that_there_are_not_are_told() -> None:
    found = analyse_engine("embedding:foo embedding:bar, __c__ __d__ __d__", KNOWN)
    assert found.unknown == {"embeddings": ("bar",), "wildcards": ("d",)}
    found = analyse_webui("<lora:a:1> <lyco:b> <hypernet:h:1> <hypernet:i:x> <ti:x>", KNOWN)
    assert found.unknown == {"loras": ("b",), "hypernetworks": ("i",)}
    assert "'x' of hypernetwork 'i'" in found.warnings[0]
    assert not analyse_webui("<lora:zz>").unknown


def test_known_embeddings_count_with_their_vectors() -> None:
    assert analyse_engine("embedding:foo", KNOWN).parts[0].chunks[0].tokens == 3
    assert analyse_webui("a foo", KNOWN).parts[0].chunks[0].tokens == 4


def test_prompts_that_guide_together_are_told_one_by_one() -> None:
    first, second = analyse_webui("a [cat:dog:0.5] AND b:0.5").parts
    assert (first.weight, first.texts, second.weight, second.texts) == (1.0, 2, 0.5, 1)
    (part,) = analyse_webui("a AND b", negative=True).parts
    assert part.chunks[0].tokens == 3


def test_editing_that_a_bar_switches_off_is_told() -> None:
    assert analyse_webui("{a|b} [c:d:3]").editing_disabled
    assert not analyse_webui("[a|b] [c:d:3]").editing_disabled


def test_tags_of_the_other_dialect_are_told() -> None:
    assert "plain text in this node" in analyse_engine("<lora:x:1>").warnings[0]


def test_it_needs_no_torch() -> None:
    program = (
        "import sys; from engine.text.analysis_webui import analyse_webui; analyse_webui('a');"
        "from engine.text.wildcard_files import WildcardFolder;"
        "print(sorted({'torch', 'transformers', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@given(st.text(alphabet="()[]:\\ab ,1.|<>#\n_"))
def test_every_place_is_in_the_text(text: str) -> None:
    for found in (analyse_engine(text, KNOWN), analyse_webui(text, KNOWN)):
        for part in found.parts:
            assert all(0 <= chunk.start <= len(text) for chunk in part.chunks)
            assert all(0 <= span.start <= span.end <= len(text) for span in part.spans)
        assert all(text[at] in "()[]" for at in found.unbalanced)

"""The CLIP tokenizer, built from our own data file."""

import subprocess
import sys

import pytest

from engine.text.tokenizer import END, START, clip_tokenizer
from tests.support import REPOSITORY


def test_ids_are_those_of_clip() -> None:
    assert clip_tokenizer().encode("a photo of a cat") == [320, 1125, 539, 320, 2368]


def test_case_and_white_space_do_not_matter() -> None:
    tokenizer = clip_tokenizer()
    assert tokenizer.encode(" A\tPhoto\n\nOF a CAT ") == tokenizer.encode("a photo of a cat")


def test_typed_special_tokens_become_real_ones() -> None:
    tokenizer = clip_tokenizer()
    assert tokenizer.encode("a <|endoftext|> b") == [320, END, 321]
    assert tokenizer.encode("<|startoftext|>") == [START]
    assert END not in tokenizer.encode("<|ENDOFTEXT|>")


def test_many_texts_at_once_are_each_text_alone() -> None:
    texts = ["", "a cat", "雨の街", "don't", "1920x1080", "é"]
    tokenizer = clip_tokenizer()
    assert tokenizer.encode_all(texts) == [tokenizer.encode(text) for text in texts]


def test_the_vocabulary_is_complete() -> None:
    assert clip_tokenizer().backend.get_vocab_size() == 49408


@pytest.mark.parametrize("text", ["a large red star", "3 cats, don't !", "naïve façade"])
def test_decoding_gives_readable_text(text: str) -> None:
    tokenizer = clip_tokenizer()
    decoded = tokenizer.decode([START, *tokenizer.encode(text), END])
    assert tokenizer.encode(decoded) == tokenizer.encode(text)


def test_it_needs_neither_torch_nor_transformers() -> None:
    program = (
        "import sys; from engine.text.chunks import tokenize; tokenize('a cat');"
        "print(sorted({'torch', 'transformers', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"

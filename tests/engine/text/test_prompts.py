"""Prompts in the engine dialect with embeddings in them, through a real, tiny CLIP."""

from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from engine.text.cache import SaidCache
from engine.text.chunks import tokenize
from engine.text.embeddings import EmbeddingError, Embeddings, NetworkLexicon
from engine.text.encode import encode_tokens
from engine.text.families import PADDING
from engine.text.prompts import Listeners, encode_engine
from engine.text.vectors import VOCABULARY
from tests.engine.sampling.golden import golden_tensors
from tests.engine.text.golden import Case, cases, tiny_encoders, weights_in, weights_of
from tests.engine.text.networks import Recorder
from tests.support import vectors

TOLERANCE = 1e-4
FAMILIES = {"sd1": ("l",), "sd2": ("h",), "sdxl": ("l", "g"), "refiner": ("g",)}


def to_tiny(case: Case) -> Listeners:
    encoders: Any = tiny_encoders()
    networks = [encoders[kind] for kind in FAMILIES[case["family"]]]
    return Listeners(networks, Embeddings([vectors("prompt", "embeddings")]))


def misfits(case: Case) -> bool:
    to = to_tiny(case)
    return any(
        tokenize(case["text"], lexicon=to.lexicon(network)).misfits for network in to.networks
    )


@pytest.mark.vectors
def test_conditioning_equals_the_reference_s() -> None:
    tensors = golden_tensors("prompt", "encode_expected.safetensors")
    found = cases("encode", "cases", 37, lambda case: not misfits(case))
    assert sum("embeddings" in case["group"] for case in found) >= 13
    for case in found:
        said = encode_engine([case["text"]], to_tiny(case), case["stop_at_clip_layer"])
        assert list(said.cond.shape) == case["shape"], case
        assert (said.cond - tensors[case["cond"]]).abs().max() <= TOLERANCE, case
        assert (said.pooled - tensors[case["pooled"]]).abs().max() <= TOLERANCE, case
        assert bool(said.warnings) == case.get("warns", False), case


@pytest.mark.vectors
def test_vectors_of_another_width_are_an_error_and_shift_no_weight() -> None:
    tensors = golden_tensors("prompt", "encode_expected.safetensors")
    for case in cases("encode", "cases", 1, misfits):
        to = to_tiny(case)
        with pytest.raises(EmbeddingError, match="was made for another family of models"):
            encode_engine([case["text"]], to)
        tokens = [
            tokenize(
                case["text"],
                padding=PADDING[one.kind],
                lexicon=NetworkLexicon(to.embeddings, one.kind, one.width),
            )
            for one in to.networks
        ]
        cond, _ = encode_tokens(tokens, to.networks)
        assert (cond - tensors[case["cond"]]).abs().max() <= TOLERANCE, case


@pytest.mark.vectors
def test_chunks_hold_the_vectors_where_the_reference_s_do() -> None:
    with_chunks = cases("encode", "cases", 13, lambda case: "chunks" in case and not misfits(case))
    for case in with_chunks:
        to = to_tiny(case)
        for network in to.networks:
            padding = PADDING[network.kind]
            found = tokenize(case["text"], padding=padding, lexicon=to.lexicon(network)).chunks
            for chunk, want in zip(found, case["chunks"][network.kind], strict=True):
                ids = ["vector" if one >= VOCABULARY else one for one in chunk.ids]
                assert ids == want["ids"], case
                assert weights_of(chunk) == weights_in(want), case


@pytest.fixture
def embeddings(tmp_path: Any) -> Embeddings:
    save_file({"emb_params": torch.full((2, 3), 7.0)}, tmp_path / "seven.safetensors")
    save_file({"emb_params": torch.full((2, 5), 5.0)}, tmp_path / "five.safetensors")
    return Embeddings([tmp_path])


def test_a_prompt_that_was_encoded_is_not_encoded_again(embeddings: Embeddings) -> None:
    network = Recorder()
    to = Listeners([network], embeddings, SaidCache())
    first = encode_engine(["a (cat:1.2) embedding:seven"], to)
    again = encode_engine(["a (cat:1.2) embedding:seven"], to)
    assert torch.equal(first.cond, again.cond)
    assert len(network.rows) == 2
    encode_engine(["a (cat:0.4) embedding:seven"], to)
    assert len(network.rows) == 2


def test_other_networks_and_other_vectors_are_asked_anew(tmp_path: Any) -> None:
    cache, network = SaidCache(), Recorder()
    for number in (1.0, 2.0):
        save_file({"x": torch.full((1, 3), number)}, tmp_path / "e.safetensors")
        said = encode_engine(["embedding:e"], Listeners([network], Embeddings([tmp_path]), cache))
        assert said.cond[0, 1, 0] == number
    encode_engine(["embedding:e"], Listeners([network], Embeddings([tmp_path]), cache, "other"))
    assert len(network.rows) == 3


def test_an_embedding_for_one_of_two_networks_is_told(embeddings: Embeddings) -> None:
    low, high = Recorder("l", 3), Recorder("g", 5)
    said = encode_engine(["embedding:five"], Listeners([low, high], embeddings))
    assert "some of this model's text encoders" in said.warnings[0]


def test_the_shorter_of_two_texts_is_filled_up(embeddings: Embeddings) -> None:
    low, high = Recorder("l"), Recorder("g")
    said = encode_engine(["a embedding:seven", "dog " * 90], Listeners([low, high], embeddings))
    assert said.cond.shape == (1, 154, 6)
    assert said.cond[0, 2, 0] == 7


@pytest.mark.parametrize("text", ["(cat:inf)", "(cat:nan)", "(cat:-1e999)"])
def test_a_weight_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="infinite or not a number"):
        encode_engine([text], Listeners([Recorder()], Embeddings([])))


def test_weights_can_be_switched_off() -> None:
    network = Recorder()
    encode_engine(["(cat:1.3)"], Listeners([network], Embeddings([])), weights=False)
    assert len(network.rows) == 1

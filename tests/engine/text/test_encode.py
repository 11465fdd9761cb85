"""Prompts through a real, tiny CLIP, against the reference's conditioning."""

import json
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.text.chunks import tokenize
from engine.text.encode import CHUNKS_PER_CALL, apply_weights, encode_prompt
from tests.engine.sampling.golden import golden_tensors
from tests.engine.sampling.networks import tiny_text_encoder
from tests.support import vectors

TOLERANCE = 1e-4


def manifest() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(vectors("prompt", "encode.json").read_text())
    return found


def cases() -> list[Any]:
    """SD1 cases without an embedding in them."""
    found = [
        pytest.param(case, id=case["id"])
        for case in manifest()["cases"]
        if case["family"] == "sd1" and not tokenize(case["text"]).references
    ]
    assert len(found) >= 19
    return found


@pytest.fixture(scope="module")
def encoder() -> Any:
    config = manifest()["about"]["config"]
    head_width = config["hidden_size"] // config["num_attention_heads"]
    return tiny_text_encoder(vectors("prompt", "encode_tiny_clip.safetensors"), head_width)


@pytest.mark.vectors
@pytest.mark.parametrize("case", cases())
def test_conditioning_equals_the_reference_s(encoder: Any, case: dict[str, Any]) -> None:
    tensors = golden_tensors("prompt", "encode_expected.safetensors")
    stop = case["stop_at_clip_layer"]
    cond, pooled = encode_prompt(case["text"], encoder, -1 if stop is None else stop)
    assert list(cond.shape) == case["shape"]
    assert (cond - tensors[case["cond"]]).abs().max() <= TOLERANCE
    assert (pooled - tensors[case["pooled"]]).abs().max() <= TOLERANCE


class Recorder:
    """A text network of one number a token, that says what it was asked."""

    layers, width = 12, 3

    def __init__(self) -> None:
        self.calls: list[tuple[list[int], int]] = []

    def __call__(self, tokens: Tensor, layer: int) -> tuple[Tensor, Tensor]:
        self.calls.append((list(tokens.shape), layer))
        hidden = tokens.float()[..., None].expand(-1, -1, self.width)
        return hidden, hidden[:, 1]


def test_a_plain_prompt_does_not_encode_the_empty_one() -> None:
    network = Recorder()
    encode_prompt("a cat", network)
    encode_prompt("a (cat:1.2)", network)
    assert network.calls == [([1, 77], -1), ([2, 77], -1)]


def test_weight_0_says_what_the_empty_prompt_says_there() -> None:
    cond, _ = encode_prompt("(cat:0)", Recorder())
    empty, _ = encode_prompt("", Recorder())
    assert torch.equal(cond, empty)


def test_pooled_is_the_first_chunk_s_and_knows_no_weights() -> None:
    cond, pooled = encode_prompt("(cat:1.4) " + "dog " * 90, Recorder())
    _, plain = encode_prompt("cat " + "dog " * 90, Recorder())
    assert cond.shape == (1, 154, 3)
    assert torch.equal(pooled, plain)


def test_weights_interpolate_between_the_empty_prompt_and_the_word() -> None:
    z, e = torch.full((1, 2, 1), 3.0), torch.full((1, 2, 1), 1.0)
    found = apply_weights(z, e, torch.tensor([[1.5, 1.0]]))
    assert found.flatten().tolist() == [4.0, 3.0]


@pytest.mark.parametrize(("stop", "layer"), [(-1, -1), (-2, -2), (-12, -12), (-13, -1), (-24, -1)])
def test_layers_beyond_the_first_mean_the_last(stop: int, layer: int) -> None:
    network = Recorder()
    encode_prompt("a cat", network, stop)
    assert network.calls[0][1] == layer


def test_layers_are_counted_from_the_end() -> None:
    with pytest.raises(ValueError, match="stop_at_clip_layer is 2"):
        encode_prompt("a cat", Recorder(), 2)


def test_a_book_is_encoded_in_bounded_pieces() -> None:
    network = Recorder()
    cond, _ = encode_prompt("a cat " * 2000, network)
    assert cond.shape[1] == 77 * sum(shape[0] for shape, _ in network.calls)
    assert max(shape[0] for shape, _ in network.calls) <= CHUNKS_PER_CALL


def test_embeddings_read_as_words_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    encode_prompt("a embedding:nice", Recorder())
    assert "embedding:nice" in caplog.text

"""Prompts through a real, tiny CLIP, against the reference's conditioning."""

import json
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.text.chunks import tokenize
from engine.text.encode import CHUNKS_PER_CALL, apply_weights, encode_prompt, encode_texts
from engine.text.tokenizer import END
from engine.weights.calls import TextEncoder
from engine.weights.configs import TextKind
from tests.engine.sampling.golden import golden_tensors
from tests.engine.sampling.networks import tiny_text_encoder
from tests.support import vectors

TOLERANCE = 1e-4


def manifest() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(vectors("prompt", "encode.json").read_text())
    return found


# The text networks of the vectors' families, and what their pooled vectors are.
FAMILIES: dict[str, tuple[TextKind, ...]] = {
    "sd1": ("l",),
    "sd2": ("h",),
    "sdxl": ("l", "g"),
    "refiner": ("g",),
}


def cases() -> list[Any]:
    """The cases without an embedding in them."""
    found = [
        pytest.param(case, id=case["id"])
        for case in manifest()["cases"]
        if not tokenize(case["text"]).references
    ]
    assert {case.values[0]["family"] for case in found} == set(FAMILIES)
    assert len(found) >= 25
    return found


@pytest.fixture(scope="module")
def encoders() -> dict[TextKind, TextEncoder]:
    """The one network of the vectors as each of the three."""
    config = manifest()["about"]["config"]
    width = config["hidden_size"] // config["num_attention_heads"]
    file = vectors("prompt", "encode_tiny_clip.safetensors")
    projected = {"projection": config["projection_dim"], "activation": config["hidden_act"]}
    return {
        "l": tiny_text_encoder(file, "l", head_width=width),
        "h": tiny_text_encoder(file, "h", head_width=width, **projected),
        "g": tiny_text_encoder(file, "g", head_width=width, **projected),
    }


@pytest.mark.vectors
@pytest.mark.parametrize("case", cases())
def test_conditioning_equals_the_reference_s(
    encoders: dict[TextKind, TextEncoder], case: dict[str, Any]
) -> None:
    tensors = golden_tensors("prompt", "encode_expected.safetensors")
    networks = [encoders[kind] for kind in FAMILIES[case["family"]]]
    cond, pooled = encode_prompt(case["text"], networks, case["stop_at_clip_layer"])
    assert list(cond.shape) == case["shape"]
    assert (cond - tensors[case["cond"]]).abs().max() <= TOLERANCE
    assert (pooled - tensors[case["pooled"]]).abs().max() <= TOLERANCE


class Recorder:
    """A text network of some numbers a token, that says what it was asked."""

    layers = 12

    def __init__(self, kind: TextKind = "l", width: int = 3) -> None:
        self.kind, self.width = kind, width
        self.calls: list[tuple[list[int], int, bool]] = []
        self.rows: list[list[int]] = []

    def __call__(self, tokens: Tensor, layer: int, *, norm: bool = True) -> tuple[Tensor, Tensor]:
        self.calls.append((list(tokens.shape), layer, norm))
        self.rows += tokens.tolist()
        hidden = tokens.float()[..., None].expand(-1, -1, self.width)
        return hidden, hidden[:, 1]


def test_a_plain_prompt_does_not_encode_the_empty_one() -> None:
    network = Recorder()
    encode_prompt("a cat", [network])
    encode_prompt("a (cat:1.2)", [network])
    assert network.calls == [([1, 77], -1, True), ([2, 77], -1, True)]


def test_weight_0_says_what_the_empty_prompt_says_there() -> None:
    cond, _ = encode_prompt("(cat:0)", [Recorder()])
    empty, _ = encode_prompt("", [Recorder()])
    assert torch.equal(cond, empty)


def test_pooled_is_the_first_chunk_s_and_knows_no_weights() -> None:
    cond, pooled = encode_prompt("(cat:1.4) " + "dog " * 90, [Recorder()])
    _, plain = encode_prompt("cat " + "dog " * 90, [Recorder()])
    assert cond.shape == (1, 154, 3)
    assert torch.equal(pooled, plain)


def test_weights_interpolate_between_the_empty_prompt_and_the_word() -> None:
    z, e = torch.full((1, 2, 1), 3.0), torch.full((1, 2, 1), 1.0)
    found = apply_weights(z, e, torch.tensor([[1.5, 1.0]]))
    assert found.flatten().tolist() == [4.0, 3.0]


@pytest.mark.parametrize(("stop", "layer"), [(-1, -1), (-2, -2), (-12, -12), (-13, -1), (-24, -1)])
def test_layers_beyond_the_first_mean_the_last(stop: int, layer: int) -> None:
    network = Recorder()
    encode_prompt("a cat", [network], stop)
    assert network.calls[0][1] == layer


def test_layers_are_counted_from_the_end() -> None:
    with pytest.raises(ValueError, match="stop_at_clip_layer is 2"):
        encode_prompt("a cat", [Recorder()], 2)


def test_a_book_is_encoded_in_bounded_pieces() -> None:
    network = Recorder()
    cond, _ = encode_prompt("a cat " * 2000, [network])
    assert cond.shape[1] == 77 * sum(shape[0] for shape, _, _ in network.calls)
    assert max(shape[0] for shape, _, _ in network.calls) <= CHUNKS_PER_CALL


def test_embeddings_read_as_words_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    encode_prompt("a embedding:nice", [Recorder()])
    assert "embedding:nice" in caplog.text


DEFAULTS = [
    (("l",), [(-1, True)]),
    (("h",), [(-2, True)]),
    (("g",), [(-2, False)]),
    (("l", "g"), [(-2, False), (-2, False)]),
]


@pytest.mark.parametrize(("kinds", "asked"), DEFAULTS)
def test_each_family_takes_its_own_layer(kinds: tuple[TextKind, ...], asked: list[Any]) -> None:
    networks = [Recorder(kind) for kind in kinds]
    encode_prompt("a cat", networks)
    assert [network.calls[0][1:] for network in networks] == asked


def test_a_layer_beyond_one_of_two_encoders_is_normed_there_alone() -> None:
    """CLIP-L has 12 layers and OpenCLIP-G 32."""
    low, high = Recorder("l"), Recorder("g")
    high.layers = 32
    encode_prompt("a cat", [low, high], -20)
    assert (low.calls[0][1:], high.calls[0][1:]) == ((-1, True), (-20, False))


def test_encoders_lie_side_by_side_and_the_last_gives_the_pooled_vector() -> None:
    low, high = Recorder("l", 3), Recorder("g", 5)
    cond, pooled = encode_prompt("a cat", [low, high])
    assert (cond.shape, pooled.shape) == ((1, 77, 8), (1, 5))


def test_clip_l_is_filled_up_with_end_tokens_and_the_others_with_zeros() -> None:
    low, high = Recorder("l"), Recorder("g")
    encode_prompt("a cat", [low, high])
    assert (low.rows[0][-1], high.rows[0][-1]) == (END, 0)
    assert low.rows[0][:4] == high.rows[0][:4]


def test_the_shorter_of_two_texts_is_filled_up_with_empty_chunks() -> None:
    low, high = Recorder("l"), Recorder("g")
    cond, _ = encode_texts(["a cat", "dog " * 90], [low, high])
    assert cond.shape == (1, 154, 6)
    assert low.rows[1] == [49406, *[END] * 76]
    cond, _ = encode_texts(["dog " * 90, ""], [low, high])
    assert high.rows[-1] == [49406, END, *[0] * 75]


def test_encoders_that_belong_to_no_family_are_refused() -> None:
    with pytest.raises(ValueError, match="listens to text encoders l, h together"):
        encode_prompt("a cat", [Recorder("l"), Recorder("h")])

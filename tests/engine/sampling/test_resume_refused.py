"""States that are damaged, foreign or forged: the run starts anew and says why."""

import json
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save

from engine.sampling.ksample import Resume
from engine.sampling.policy import NoiseProfile
from engine.sampling.resume import MARK
from tests.engine.sampling.attempts import STEPS, Attempts, toy_sample


def refused(state: bytes, **options: Any) -> str:
    """The note about a state that must not be used; the run must be as if there were none."""
    attempts = Attempts()
    out = toy_sample(attempts.resume(state), **options)
    assert torch.equal(out, toy_sample(Resume(), **options))
    (note,) = attempts.notes
    assert note.startswith("What was kept of the interrupted sampling ")
    assert note.endswith("; it starts anew.")
    return note


def kept_state() -> bytes:
    attempts = Attempts()
    toy_sample(attempts.resume())
    return attempts.states[2]


@pytest.mark.parametrize(
    ("options", "other"),
    [
        ({"seed": 4}, "start, seed"),
        ({"sampler_name": "euler"}, "sampler"),
        ({"scheduler": "normal"}, "start"),
        ({"steps": 9}, "start"),
        ({"profile": NoiseProfile.V0_3}, "noise profile"),
        ({"latent": {"samples": torch.zeros(2, 4, 5, 7)}}, "start"),
        ({"latent": {"samples": torch.zeros(1, 4, 7, 5)}}, "start"),
        ({"denoise": 0.5, "latent": {"samples": torch.ones(1, 4, 5, 7)}}, "start"),
    ],
)
def test_the_state_of_another_run_is_not_used(options: dict[str, Any], other: str) -> None:
    assert f"belongs to another run (other {other})" in refused(kept_state(), **options)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_state_with_a_wrong_bit_is_not_used(at: float, bit: int) -> None:
    state = bytearray(kept_state())
    state[int(at * len(state))] ^= 1 << bit
    note = refused(bytes(state))
    assert "is damaged" in note or "another version" in note


@settings(max_examples=40, deadline=None, derandomize=True)
@given(share=st.floats(0, 1, exclude_max=True))
def test_half_a_state_is_not_used(share: float) -> None:
    state = kept_state()
    refused(state[: int(share * len(state))])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.binary(max_size=200))
def test_foreign_bytes_are_not_used(data: bytes) -> None:
    refused(data)
    refused(signed(data))


def signed(body: bytes) -> bytes:
    """`body` as if we had written it."""
    return MARK + blake2b(body, digest_size=32).digest() + body


def forged(change: Callable[[dict[str, torch.Tensor], dict[str, str]], None]) -> bytes:
    """A well-formed state of this very run, with something in it that cannot be."""
    body = kept_state()[len(MARK) + 32 :]
    length = int.from_bytes(body[:8], "little")
    texts = json.loads(body[8 : 8 + length])["__metadata__"]
    tensors = load(body)
    change(tensors, texts)
    return signed(save(tensors, texts))


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors, texts: tensors.pop("x"),
        lambda tensors, texts: tensors.pop("noise"),
        lambda tensors, texts: tensors.pop("draws"),
        lambda tensors, texts: tensors.pop("numbers"),
        lambda tensors, texts: tensors.update(draws=torch.zeros(16, dtype=torch.uint8)),
        lambda tensors, texts: tensors.update(numbers=torch.zeros(2, 2, dtype=torch.float64)),
        lambda tensors, texts: tensors.update(x=torch.zeros(1, 4, 5, 8)),
        lambda tensors, texts: tensors.update(x=torch.zeros(1, 4, 5, 7, dtype=torch.float64)),
        lambda tensors, texts: tensors.update({"history.1": torch.zeros(1, 4, 5, 7)}),
        lambda tensors, texts: tensors.update({"history.0": torch.zeros(3)}),
        lambda tensors, texts: tensors.update(noise=torch.zeros(16, dtype=torch.uint8)),
        lambda tensors, texts: tensors.update(noise=torch.zeros(5056)),
        lambda tensors, texts: texts.pop("step"),
        lambda tensors, texts: texts.update(step="0"),
        lambda tensors, texts: texts.update(step=str(STEPS)),
        lambda tensors, texts: texts.update(step="-1"),
        lambda tensors, texts: texts.update(step="many"),
    ],
)
def test_a_forged_state_is_not_used(change: Any) -> None:
    assert "does not hold what a state holds" in refused(forged(change))


def test_a_forgery_that_changes_nothing_is_used() -> None:
    """Otherwise the test above would pass for another reason."""
    attempts = Attempts()
    state = forged(lambda tensors, texts: None)
    assert torch.equal(toy_sample(attempts.resume(state)), toy_sample(Resume()))
    assert attempts.notes == []

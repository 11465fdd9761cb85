"""The T5 tokenizer, built from our own data file."""

import pytest

from engine.text.t5 import END, PAD, tokenize_t5
from tests.engine.text.golden import cases


@pytest.mark.vectors
@pytest.mark.parametrize(("family", "length"), [("flux", 256), ("sd3", 77)])
def test_every_prompt_has_the_reference_s_tokens(family: str, length: int) -> None:
    for case in cases("t5_tokens", "cases", 38, lambda case: family in case):
        (want,) = case[family]
        found = tokenize_t5(case["text"], length=length)
        assert len(found.ids) == len(found.weights) == want["length"], case
        assert list(found.ids) == want["ids"] + [PAD] * (want["length"] - len(want["ids"])), case
        weights = {slot: weight for slot, weight in enumerate(found.weights) if weight != 1}
        assert weights == {int(k): float(w) for k, w in want.get("w", {}).items()}, case


def test_a_prompt_is_as_long_as_it_needs_to_be() -> None:
    found = tokenize_t5("cat " * 300)
    assert len(found.ids) == 301
    assert found.ids[-1] == END


def test_weights_can_be_switched_off() -> None:
    assert set(tokenize_t5("(cat:1.3)", weights=False).weights) == {1.0}

"""Which base a file seems to be made for."""

import json
from typing import Any

import pytest

from engine.lora.family import WORDS, guess_family
from tests.support import vectors


def cases() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads(vectors("lora", "detect.json").read_text())
    return loaded


@pytest.mark.vectors
@pytest.mark.parametrize("case", cases(), ids=lambda case: str(case["name"]))
def test_family_is_guessed_from_names_and_shapes(case: dict[str, Any]) -> None:
    shapes = {name: tuple(shape) for name, shape in case["tensors"].items()}
    family = guess_family(shapes, case["metadata"])
    assert family == case["want"]
    assert family in WORDS


def test_an_unknown_file_is_unknown_and_not_a_guess() -> None:
    assert guess_family({"something.weight": (3, 4)}, {}) == "unknown"

"""Which output may be plugged into which input."""

import pytest

from engine.graph.spec import InputSpec, OutputSpec
from engine.graph.types import compatible, plugs


@pytest.mark.parametrize(
    ("output", "input_", "fits"),
    [
        ("IMAGE", "IMAGE", True),
        ("IMAGE", "MASK", False),
        ("IMAGE", "*", True),
        ("*", "IMAGE", True),
        ("IMAGE", "MASK, IMAGE", True),
        ("IMAGE,LATENT", "LATENT,MASK", True),
        ("IMAGE,LATENT", "MASK", False),
        ("INT", "FLOAT", False),
        ("COMFY_MATCHTYPE_V3", "MASK", True),
        ("MASK", "COMFY_MATCHTYPE_V3", True),
    ],
)
def test_types_meet_when_they_share_a_name(output: str, input_: str, fits: bool) -> None:
    assert compatible(output, input_) is fits


@pytest.mark.parametrize(
    ("item", "fits"),
    [
        (InputSpec("mode", "COMBO", choices=("a", "b")), True),
        (InputSpec("mode", "COMBO", choices=("a",)), False),
        (InputSpec("mode", "COMBO", options={"options": ["z"]}, choices=("z",)), True),
        (InputSpec("mode", "COMBO", unlisted=True), True),
        (InputSpec("mode", "STRING"), False),
        (InputSpec("mode", "*"), True),
    ],
)
def test_a_list_of_choices_meets_a_combo(item: InputSpec, fits: bool) -> None:
    assert plugs(OutputSpec("COMBO", "mode", choices=("a", "b")), item) is fits

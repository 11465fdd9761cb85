"""Block weights: which block a module is in, presets, vectors and rules."""

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.lora.block_weights import (
    PRESETS,
    block_weights,
    read_presets,
    weights_of,
)
from engine.lora.blocks import ALL_IDS, IDS, block_of_name, blocks_of
from engine.lora.errors import LoraError
from tests.engine.lora.golden import FAMILIES
from tests.support import vectors


@cache
def golden() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(vectors("lora", "lbw.json").read_text())
    return loaded


CASES = golden()["cases"]


def test_no_case_is_left_out() -> None:
    assert len(CASES) >= 11
    assert {case["family"] for case in CASES} <= FAMILIES.keys()
    assert sum("elemental" in case for case in CASES) >= 4


@pytest.mark.vectors
def test_ids_and_presets_are_the_golden_ones() -> None:
    assert {str(count): list(ids) for count, ids in IDS.items()} == golden()["block_ids"]
    numbers = {
        name: [float(v) for v in text.split(",")] for name, text in golden()["presets"].items()
    }
    assert {name: list(values) for name, values in PRESETS.items()} == numbers


@pytest.mark.vectors
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['family']}-{case['name']}")
def test_every_module_gets_its_golden_ratio(case: dict[str, Any]) -> None:
    weights = weights_of(tuple(case["vector"]), case.get("elemental", ""))
    got = {}
    for name in case["expect"]:
        component, _, module = name.partition("/")
        block = blocks_of(FAMILIES[case["family"]][component])[module]
        got[name] = weights.ratio(block, module)
    assert got == pytest.approx(case["expect"])


def test_every_module_of_a_unet_but_its_ends_is_in_a_block() -> None:
    found = blocks_of(FAMILIES["sd15"]["unet"])
    outside = {module for module, block in found.items() if block is None}
    ends = ("time_embedding.", "conv_norm_out", "conv_out")
    assert all(module.startswith(ends) for module in outside)
    assert {*found.values(), "BASE"} == {*ALL_IDS, None}


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("double_blocks.18.img_attn.qkv", "D18"),
        ("single_blocks.3.linear1", "S03"),
        ("guidance_in.in_layer", "IN"),
        ("final_layer.linear", "OUT"),
    ],
)
def test_blocks_of_flux_go_by_their_original_names(name: str, block: str) -> None:
    assert block_of_name(name) == block
    assert block in IDS[61]


def test_letters_are_drawn_from_the_seed_and_x_is_given() -> None:
    text = ",".join(["R", "U", "X", "X+0.25", "X-1"] + ["0"] * 12)
    values = [value for _, value in block_weights(text, x=0.5, seed=7).ratios]
    assert values[2:5] == [0.5, 0.75, -0.5]
    assert 0 <= values[0] <= 1
    assert -0.5 <= values[1] <= 1.5
    assert block_weights(text, x=0.5, seed=7) == block_weights(text, x=0.5, seed=7)
    assert block_weights(text, x=0.5, seed=8) != block_weights(text, x=0.5, seed=7)


def test_weights_are_values_that_can_be_compared_and_kept_in_sets() -> None:
    assert len({block_weights("MIDD"), block_weights("MIDD"), block_weights("ALL")}) == 2


def test_a_preset_file_adds_names_and_may_hold_comments() -> None:
    found = read_presets("# mine\nSOFT:" + ",".join(["0.5"] * 12) + "\nno vector: 1,2\nplain\n")
    assert found.keys() == {"SOFT"}
    assert block_weights("SOFT", presets=found).ratio("M00", "anything") == 0.5


@pytest.mark.parametrize(
    ("text", "rules", "says"),
    [
        ("MIDDLE", "", "no block weight preset 'MIDDLE'"),
        ("1,2,3", "", "have 3 values"),
        (",".join(["1"] * 16 + ["much"]), "", "'much' is not a number"),
        (",".join(["1"] * 16 + ["nan"]), "", "'nan' is not a number"),
        ("ALL", "IN05:attn", "blocks:elements:ratio"),
        ("ALL", "IN99:attn:1", "'IN99' is not a block"),
    ],
)
def test_what_is_no_block_weight_says_so(text: str, rules: str, says: str) -> None:
    with pytest.raises(LoraError, match=says):
        block_weights(text, rules)


@given(text=st.text(max_size=80), rules=st.text(max_size=40))
def test_any_text_is_read_or_refused_with_a_sentence(text: str, rules: str) -> None:
    try:
        weights = block_weights(text, rules)
    except LoraError as error:
        assert str(error).endswith(".")
    else:
        assert len(weights.ratios) in IDS

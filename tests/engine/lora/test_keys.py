"""The stem table: every name trainers write for an SD1.5 network, and any other size."""

import json
from typing import Any

import pytest

from engine.lora.keys import stems
from engine.weights.configs import TextConfig, UnetConfig
from tests.engine.weights.tiny import TEXT, UNET
from tests.support import vectors

SD15 = (UnetConfig((320, 640, 1280, 1280), (True, True, True, False)), TextConfig(768, 12, 3072))


@pytest.mark.vectors
@pytest.mark.parametrize("scheme", ["kohya", "kohya_ldm", "kohya_te", "kohya_te_all"])
def test_every_stem_of_the_golden_table_names_its_module(scheme: str) -> None:
    golden: dict[str, Any] = json.loads(vectors("lora", "keymap_sd15.json").read_text())
    table = {stem: pair.live for config in SD15 for stem, pair in stems(config)}
    listed = {**golden["comfyui"], **golden["extra"]}
    assert scheme in listed
    for stem, index in listed[scheme].items():
        assert table.get(stem) == golden["modules"][index][1], stem


def test_the_table_follows_the_size_of_the_network() -> None:
    table = {stem: pair.live for config in (UNET, TEXT) for stem, pair in stems(config)}
    # Two levels with one residual block each: the second level starts at input block 3.
    assert table["lora_unet_input_blocks_3_0_in_layers_2"] == "down_blocks.1.resnets.0.conv1"
    assert (
        table["lora_unet_down_blocks_0_downsamplers_0_conv"] == "down_blocks.0.downsamplers.0.conv"
    )
    assert "lora_te_text_model_encoder_layers_1_mlp_fc1" in table
    assert "lora_te_text_model_encoder_layers_2_mlp_fc1" not in table

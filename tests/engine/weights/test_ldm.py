"""Names in the original layout against the names of the live modules."""

import json

import pytest

from engine.weights.configs import Config, TextConfig, UnetConfig, VaeConfig
from engine.weights.ldm import names
from engine.weights.networks import build
from tests.support import vectors

SD15_UNET = UnetConfig((320, 640, 1280, 1280), (True, True, True, False))
SD15_VAE = VaeConfig((128, 256, 512, 512))
CONFIGS: dict[str, Config] = {
    "sd15 unet": SD15_UNET,
    "two levels": UnetConfig((32, 64), (True, False), resnets=1),
    "three residual blocks": UnetConfig((32, 32, 96), (False, True, True), resnets=3),
    "one level": UnetConfig((32,), (True,), resnets=1),
    "sd15 vae": SD15_VAE,
    "small vae": VaeConfig((32, 64, 64), resnets=1),
    "text": TextConfig(64, 3, 256),
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_the_map_names_every_parameter_of_the_live_network_once(config: Config) -> None:
    live = {name for name, _ in build(config).named_parameters()}
    if isinstance(config, TextConfig):
        live = {f"text_model.{name.removeprefix('text_model.')}" for name in live}
    table = names(config)
    assert set(table.file_of) == live
    assert {table.live_of[file]: file for file in table.live_of} == table.file_of
    assert len(table.live_of) == len(live)


@pytest.mark.vectors
def test_the_unet_of_sd15_has_the_golden_names() -> None:
    golden = json.loads(vectors("lora", "keymap_sd15.json").read_text())
    want = {ldm: live for part, live, ldm, _, _ in golden["modules"] if part == "unet"}
    assert {pair.file: pair.live for pair in names(SD15_UNET).pairs} == want


@pytest.mark.vectors
def test_the_text_encoder_of_sd15_has_the_golden_names() -> None:
    golden = json.loads(vectors("lora", "keymap_sd15.json").read_text())
    want = {live for part, live, _, _, _ in golden["modules"] if part == "text_encoder"}
    assert {pair.live for pair in names(TextConfig(768, 12, 3072)).pairs} == want


def test_the_decoder_counts_its_levels_from_the_other_end() -> None:
    table = names(SD15_VAE).file_of
    assert (
        table["decoder.up_blocks.0.resnets.2.conv1.weight"] == "decoder.up.3.block.2.conv1.weight"
    )
    assert (
        table["encoder.down_blocks.0.resnets.1.norm2.bias"] == "encoder.down.0.block.1.norm2.bias"
    )


def test_attention_of_the_vae_is_a_convolution_in_the_file_and_linear_when_live() -> None:
    table = names(SD15_VAE)
    weight = "encoder.mid_block.attentions.0.to_out.0.weight"
    assert table.file_of[weight] == "encoder.mid.attn_1.proj_out.weight"
    assert table.file_shape(weight, (512, 512)) == (512, 512, 1, 1)
    assert table.live_shape(weight, (512, 512, 1, 1)) == (512, 512)
    assert table.live_shape(weight, (512, 512)) == (512, 512)
    shortcut = "encoder.down_blocks.1.resnets.0.conv_shortcut.weight"
    assert table.live_shape(shortcut, (256, 128, 1, 1)) == (256, 128, 1, 1)

"""Names in the original layout against the names of the live modules."""

import json
from dataclasses import replace

import pytest

from engine.weights.configs import Config, TextConfig, UnetConfig, VaeConfig
from engine.weights.ldm import names
from engine.weights.networks import build, live_name
from tests.support import vectors

SD15_UNET = UnetConfig((320, 640, 1280, 1280), (1, 1, 1, 0))
SD2_UNET = UnetConfig((320, 640, 1280, 1280), (1, 1, 1, 0), head_width=64, linear=True)
SDXL_UNET = UnetConfig(
    (320, 640, 1280), (0, 2, 10), middle=10, head_width=64, linear=True, vector=2816
)
REFINER_UNET = UnetConfig(
    (384, 768, 1536, 1536), (0, 4, 4, 0), middle=4, head_width=64, linear=True, vector=2560
)
SD15_VAE = VaeConfig((128, 256, 512, 512))
CLIP_L = TextConfig(768, 12, 3072)
CLIP_H = TextConfig(1024, 23, 4096, kind="h", omitted=1)
CLIP_G = TextConfig(1280, 32, 5120, kind="g", projection=1280)
CONFIGS: dict[str, Config] = {
    "sd15 unet": SD15_UNET,
    "sd2 unet": SD2_UNET,
    "sdxl unet": SDXL_UNET,
    "sdxl refiner unet": REFINER_UNET,
    "two levels": UnetConfig((32, 64), (1, 0), resnets=1),
    "three residual blocks": UnetConfig((32, 32, 96), (0, 1, 1), resnets=3),
    "one level": UnetConfig((32,), (1,), resnets=1),
    "sd15 vae": SD15_VAE,
    "small vae": VaeConfig((32, 64, 64), resnets=1),
    "text": TextConfig(64, 3, 256),
    "text with projection": replace(CLIP_G, layers=2),
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_the_map_names_every_parameter_of_the_live_network_once(config: Config) -> None:
    live = {name for name, _ in build(config).named_parameters()}
    if isinstance(config, TextConfig):
        live = {live_name(build(config), name) for name in live}
    table = names(config)
    assert set(table.file_of) == live
    assert {table.live_of[file]: file for file in table.live_of} == table.file_of
    assert len(table.live_of) == len(live)


GOLDEN: dict[str, dict[str, Config]] = {
    "sd15": {"unet": SD15_UNET, "text_encoder": CLIP_L},
    "sd2": {"unet": SD2_UNET, "text_encoder": CLIP_H},
    "sdxl": {"unet": SDXL_UNET, "text_encoder": CLIP_L, "text_encoder_2": CLIP_G},
}


@pytest.mark.vectors
@pytest.mark.parametrize(
    ("family", "part"), [(family, part) for family, parts in GOLDEN.items() for part in parts]
)
def test_networks_have_the_golden_names(family: str, part: str) -> None:
    golden = json.loads(vectors("lora", f"keymap_{family}.json").read_text())
    want = {live: ldm for of, live, ldm, _, _ in golden["modules"] if of == part}
    pairs = names(GOLDEN[family][part]).pairs
    assert {pair.live for pair in pairs} == set(want)
    if part == "unet":
        assert {pair.live: pair.file for pair in pairs} == want


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

"""The stem tables: every name trainers write for SD1, SD2 and SDXL, and networks of other sizes."""

import json
from functools import cache
from typing import Any

import pytest

from engine.lora.keys import target_table
from engine.lora.orders import text_order, unet_orders
from engine.lora.stems import component_of, ignored, stems
from engine.lora.unnamed import AFTER, BETWEEN, TEXT
from engine.weights.configs import TextConfig, UnetConfig
from tests.engine.lora.golden import FAMILIES, KEYMAPS
from tests.engine.weights.tiny import TEXT as TINY_TEXT
from tests.engine.weights.tiny import UNET as TINY_UNET
from tests.support import vectors

EVERY = pytest.mark.parametrize("family", KEYMAPS)

# Ways of writing that the golden tables do not list.
UNLISTED = {"diffusers attention processors", "diffusers, old", "OpenCLIP", "cloneofsimo"}


@cache
def keymap(family: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(vectors("lora", KEYMAPS[family]).read_text())
    return loaded


def golden(family: str) -> dict[str, tuple[str, str]]:
    """Stem to component and module, of all ways of writing that the golden table lists."""
    table = keymap(family)
    ways = {**table["comfyui"], **table["extra"]}
    assert len(ways) >= 19
    modules = table["modules"]
    return {
        stem: (modules[index][0], modules[index][1])
        for way in ways.values()
        for stem, index in way.items()
    }


@cache
def ours(family: str) -> dict[str, tuple[str, str, str]]:
    """Stem to component, module and dialect; the preferred one where a stem means several."""
    table: dict[str, tuple[str, str, str]] = {}
    for config in FAMILIES[family].values():
        for stem in stems(config):
            table.setdefault(stem.text, (component_of(config), stem.module, stem.dialect))
    return table


@pytest.mark.vectors
@EVERY
def test_every_golden_stem_names_its_module(family: str) -> None:
    found = {stem: ours(family).get(stem, ())[:2] for stem in golden(family)}
    assert found == golden(family)


@pytest.mark.vectors
@EVERY
def test_no_stem_is_made_up(family: str) -> None:
    more = {stem: ours(family)[stem][2] for stem in ours(family).keys() - golden(family).keys()}
    others = {stem for stem, dialect in more.items() if dialect not in UNLISTED}
    # Of a PEFT folder that says nothing of components, only text networks have these roots.
    roots = ("base_model.model.text_model.", "base_model.model.encoder.layers.")
    assert all(stem.startswith(roots) for stem in others)


@pytest.mark.vectors
@EVERY
def test_names_without_a_module_are_known_to_mean_nothing(family: str) -> None:
    for stem in keymap(family)["comfyui_accepts_but_no_diffusers_module"]:
        assert stem not in ours(family)
        assert any(ignored(config, stem) for config in FAMILIES[family].values()), stem


@pytest.mark.vectors
@EVERY
def test_the_orders_of_cloneofsimo_are_the_golden_ones(family: str) -> None:
    table = keymap(family).get("cloneofsimo")
    if table is None:
        assert family == "sdxl"  # the trainer was given up before SDXL
        return
    modules = {n: [keymap(family)["modules"][i][1] for i in order] for n, order in table.items()}
    orders = {
        **unet_orders(FAMILIES[family]["unet"]),  # type: ignore[arg-type]
        **text_order(FAMILIES[family]["text_encoder"]),  # type: ignore[arg-type]
    }
    names = {"unet_old": BETWEEN, "unet_new": AFTER, "text_encoder": TEXT}
    assert table.keys() == names.keys()
    for name, order in names.items():
        assert list(orders[order]) == modules[name], name


def test_an_extended_order_has_everything_of_residual_blocks() -> None:
    config = FAMILIES["sd15"]["unet"]
    assert isinstance(config, UnetConfig)
    order = unet_orders(config)["unet_ff_after_extended"]
    assert len(order) == len(set(order)) == 144 + 22 * 3 + 14
    assert order[18:22] == tuple(
        f"down_blocks.0.resnets.{name}"
        for name in ("0.conv1", "0.time_emb_proj", "0.conv2", "1.conv1")
    )
    assert order[-1] == "mid_block.resnets.1.conv2"


def test_the_table_follows_the_size_of_the_network() -> None:
    table = {stem.text: stem.module for c in (TINY_UNET, TINY_TEXT) for stem in stems(c)}
    # Two levels with one residual block each: the second level starts at input block 3.
    assert table["lora_unet_input_blocks_3_0_in_layers_2"] == "down_blocks.1.resnets.0.conv1"
    assert (
        table["lora_unet_down_blocks_0_downsamplers_0_conv"] == "down_blocks.0.downsamplers.0.conv"
    )
    assert "lora_te_text_model_encoder_layers_1_mlp_fc1" in table
    assert "lora_te_text_model_encoder_layers_2_mlp_fc1" not in table


def test_a_lone_clip_g_listens_to_the_names_of_a_first_text_encoder() -> None:
    config = FAMILIES["sdxl"]["text_encoder_2"]
    stem = "lora_te_text_model_encoder_layers_0_mlp_fc1"
    assert stem not in target_table(config, {}).stems
    assert stem in target_table(config, {}, alone=True).stems


def test_rows_of_a_fused_weight_are_those_of_q_k_and_v() -> None:
    config = TextConfig(64, 2, 128, kind="h", activation="gelu")
    found = target_table(config, {}).stems["transformer.resblocks.1.attn.in_proj"]
    cut = {s.module.rpartition(".")[2]: (s.rows.start, s.rows.stop) for s in found if s.rows}
    assert cut == {"q_proj": (0, 64), "k_proj": (64, 128), "v_proj": (128, 192)}
    assert {s.rows.total for s in found if s.rows} == {192}


def test_of_the_four_names_nested_in_one_projection_its_own_counts() -> None:
    inside = "text_encoder.text_model.encoder.layers.0.self_attn.q_proj"
    table = target_table(TINY_TEXT, {}).stems
    assert table[f"{inside}.to_q"][0].module.endswith("layers.0.self_attn.q_proj")
    assert f"{inside}.to_k" not in table
    assert ignored(TINY_TEXT, f"{inside}.to_k")
    assert not ignored(TINY_TEXT, f"{inside}.to_q")

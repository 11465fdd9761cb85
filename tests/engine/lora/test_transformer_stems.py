"""Names of Flux, SD3 and T5."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from engine.lora.stems import Rows, Stem
from engine.lora.suffixes import split, without_adapter
from engine.lora.transformer_stems import flux_stems, sd3_stems, t5_stems
from tests.support import vectors

H = 3072


def by_text(stems: Iterable[Stem]) -> dict[str, list[Stem]]:
    found: dict[str, list[Stem]] = {}
    for stem in stems:
        found.setdefault(stem.text, []).append(stem)
    return found


FLUX, SD3 = by_text(flux_stems()), by_text(sd3_stems())


def test_no_text_means_a_module_twice() -> None:
    for table in (FLUX, SD3):
        for meant in table.values():
            assert len({s.module for s in meant}) == len({(s.module, s.rows) for s in meant})


@pytest.mark.parametrize(
    "text",
    [
        "lora_unet_double_blocks_7_img_attn_qkv",
        "diffusion_model.double_blocks.7.img_attn.qkv",
        "double_blocks.7.img_attn.qkv",
        "double_blocks.7.processor.qkv_lora1",
    ],
)
def test_a_fused_name_means_three_modules_by_rows(text: str) -> None:
    found = {stem.module: stem.rows for stem in FLUX[text]}
    attention = "transformer_blocks.7.attn"
    assert found == {
        f"{attention}.to_q": Rows(0, H, 3 * H),
        f"{attention}.to_k": Rows(H, 2 * H, 3 * H),
        f"{attention}.to_v": Rows(2 * H, 3 * H, 3 * H),
    }


@pytest.mark.parametrize(
    ("text", "module"),
    [
        ("transformer.double_blocks.0.txt_attn.qkv.1", "transformer_blocks.0.attn.add_k_proj"),
        ("transformer.transformer_blocks.0.attn.to_q", "transformer_blocks.0.attn.to_q"),
        ("lora_transformer_transformer_blocks_3_ff_net_2", "transformer_blocks.3.ff.net.2"),
        ("lycoris_single_transformer_blocks_5_proj_out", "single_transformer_blocks.5.proj_out"),
        ("base_model.model.x_embedder", "x_embedder"),
        ("lora_unet_double_blocks_18_txt_mlp_0", "transformer_blocks.18.ff_context.net.0.proj"),
        ("double_blocks.3.processor.proj_lora2", "transformer_blocks.3.attn.to_add_out"),
        ("single_blocks.9.processor.proj_lora", "single_transformer_blocks.9.proj_out"),
        ("single_blocks.37.modulation.lin", "single_transformer_blocks.37.norm.linear"),
        ("lora_unet_guidance_in_out_layer", "time_text_embed.guidance_embedder.linear_2"),
    ],
)
def test_a_name_of_flux_means_one_module(text: str, module: str) -> None:
    (stem,) = FLUX[text]
    assert (stem.module, stem.rows) == (module, None)


def test_the_first_part_of_single_blocks_is_unevenly_cut() -> None:
    *_, last = FLUX["single_blocks.0.linear1"]
    assert (last.module, last.rows) == (
        "single_transformer_blocks.0.proj_mlp",
        Rows(3 * H, 7 * H, 7 * H),
    )
    assert all(s.rows and s.rows.total == 3 * H for s in FLUX["single_blocks.0.processor.qkv_lora"])


def test_the_last_modulations_have_their_halves_swapped() -> None:
    assert FLUX["final_layer.adaLN_modulation.1"][0].rows == Rows(0, 2 * H, 2 * H, swapped=True)
    (text_side,) = SD3["lora_unet_joint_blocks_23_context_block_adaLN_modulation_1"]
    assert text_side.rows == Rows(0, 2 * 1536, 2 * 1536, swapped=True)
    (other,) = SD3["lora_unet_joint_blocks_22_context_block_adaLN_modulation_1"]
    assert other.rows is None
    assert "lora_unet_joint_blocks_23_context_block_mlp_fc1" not in SD3


@pytest.mark.parametrize(
    ("text", "module"),
    [
        ("lora_unet_joint_blocks_4_x_block_mlp_fc1", "transformer_blocks.4.ff.net.0.proj"),
        (
            "transformer.transformer_blocks.4.attn.to_add_out",
            "transformer_blocks.4.attn.to_add_out",
        ),
        ("diffusion_model.joint_blocks.0.x_block.attn.proj", "transformer_blocks.0.attn.to_out.0"),
    ],
)
def test_a_name_of_sd3_means_one_module(text: str, module: str) -> None:
    assert [stem.module for stem in SD3[text]] == [module]


def test_t5_is_counted_after_the_clips() -> None:
    path = "encoder_block_3_layer_1_DenseReluDense_wi_0"
    for clips, numbers in ((1, (2, 3)), (2, (3,))):
        table = by_text(t5_stems(clips))
        there = {number for number in range(1, 5) if f"lora_te{number}_{path}" in table}
        assert there == {*numbers}
    assert by_text(t5_stems(2))["t5.encoder.block.0.layer.0.SelfAttention.q"]


def golden() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads(vectors("lora", "detect.json").read_text())
    return [case for case in loaded if case["want"] in {"flux", "sd3"}]


@pytest.mark.vectors
@pytest.mark.parametrize("case", golden(), ids=lambda case: str(case["name"]))
def test_golden_names_are_in_the_tables(case: dict[str, Any]) -> None:
    tables = FLUX if case["want"] == "flux" else SD3
    text = {*by_text(t5_stems(1)), *by_text(t5_stems(2))}
    for name, shape in case["tensors"].items():
        found = split(without_adapter(name)[0], tuple(shape))
        assert found is not None
        assert found.stem in tables or found.stem in text or "te1_" in found.stem, name


def test_the_golden_names_are_of_every_writer() -> None:
    assert len(golden()) >= 4

"""What the person at the canvas is told about a LoRA."""

from pathlib import Path

import pytest
import torch

from engine.lora.errors import LoraError
from engine.lora.file import read_lora
from engine.lora.match import Mismatch
from engine.lora.report import report
from engine.weights.configs import UnetConfig
from engine.weights.handles import Clip, Model
from tests.engine.lora.tiny_lora import CONV, CROSS, LINEAR, TEXT, lora_tensors, tiny_lora
from tests.engine.weights.tiny import save, tiny_checkpoint


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Clip]:
    file = tiny_checkpoint(tmp_path_factory.mktemp("base") / "base.safetensors")
    return Model(file), Clip(file)


def test_a_file_that_fits_is_counted_and_needs_no_words(
    tmp_path: Path, base: tuple[Model, Clip]
) -> None:
    found = report(read_lora(tiny_lora(tmp_path / "fits.safetensors")), *base)
    assert (found.matched_unet, found.matched_text, found.modules) == (3, 1, 4)
    assert found.warning is None


def test_text_modules_without_a_clip_are_not_unknown(
    tmp_path: Path, base: tuple[Model, Clip]
) -> None:
    found = report(read_lora(tiny_lora(tmp_path / "fits.safetensors")), base[0], None)
    assert (found.matched_unet, found.not_connected, found.unmatched) == (3, 1, ())
    assert found.warning is None


def test_unknown_names_are_listed_and_the_rest_is_applied(
    tmp_path: Path, base: tuple[Model, Clip]
) -> None:
    tensors = lora_tensors(LINEAR) | {
        "lora_unet_nowhere.lora_up.weight": torch.zeros(2, 2),
        "lora_unet_nowhere.lora_down.weight": torch.zeros(2, 2),
        "stray": torch.zeros(1),
    }
    found = report(read_lora(save(tmp_path / "odd.safetensors", tensors)), *base)
    assert found.unmatched == (
        "lora_unet_nowhere.lora_down.weight",
        "lora_unet_nowhere.lora_up.weight",
        "stray",
    )
    assert found.matched == 1
    assert found.warning is not None
    assert "odd.safetensors: 1 of 2 modules are applied" in found.warning
    assert "3 unknown names (lora_unet_nowhere.lora_down.weight, " in found.warning


def test_a_module_of_another_shape_is_listed_with_both_shapes(
    tmp_path: Path, base: tuple[Model, Clip]
) -> None:
    tensors = lora_tensors(LINEAR, CROSS)
    tensors[f"{CROSS}.lora_down.weight"] = torch.zeros(2, 768)
    found = report(read_lora(save(tmp_path / "wide.safetensors", tensors)), *base)
    module = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"
    assert found.mismatched == (Mismatch(module, (32, 768), (32, 64)),)
    assert found.matched == 1


def test_a_module_with_an_unsupported_algorithm_is_left_alone_as_a_whole(
    tmp_path: Path, base: tuple[Model, Clip]
) -> None:
    tensors = lora_tensors(LINEAR, CONV) | {f"{CONV}.dora_scale": torch.ones(32, 1, 1, 1)}
    found = report(read_lora(save(tmp_path / "dora.safetensors", tensors)), *base)
    assert found.unsupported == ((CONV, "DoRA"),)
    assert found.matched == 1
    assert found.warning is not None
    assert f"{CONV} (DoRA)" in found.warning


def test_a_second_name_for_a_module_is_reported_and_not_added_twice(
    tmp_path: Path, base: tuple[Model, Clip]
) -> None:
    tensors = lora_tensors(LINEAR)
    again = "lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q"
    tensors |= {name.replace(LINEAR, again): tensor for name, tensor in tensors.items()}
    found = report(read_lora(save(tmp_path / "twice.safetensors", tensors)), *base)
    assert found.matched == 1
    assert found.unsupported == ((again, "second name for a module"),)


def test_an_sdxl_file_on_sd1_is_an_error_with_counts_and_the_guessed_family(
    tmp_path: Path, base: tuple[Model, Clip]
) -> None:
    tensors = lora_tensors(CROSS)
    tensors[f"{CROSS}.lora_down.weight"] = torch.zeros(2, 2048)
    lora = read_lora(save(tmp_path / "xl.safetensors", tensors))
    with pytest.raises(LoraError) as caught:
        report(lora, *base)
    text = str(caught.value)
    assert text.startswith("xl.safetensors: 0 of 1 modules fit, so nothing was applied")
    assert "[32, 2048] in the file and [32, 64] in the model" in text
    assert "made for SDXL; the model here is Stable Diffusion 1" in text


def test_the_right_family_in_another_size_is_called_that(
    tmp_path: Path, base: tuple[Model, Clip]
) -> None:
    tensors = lora_tensors(CROSS)
    tensors[f"{CROSS}.lora_down.weight"] = torch.zeros(2, 768)
    with pytest.raises(LoraError, match="Stable Diffusion 1 of another size"):
        report(read_lora(save(tmp_path / "big.safetensors", tensors)), *base)


def test_a_text_only_file_without_a_clip_says_what_is_missing(
    tmp_path: Path, base: tuple[Model, Clip]
) -> None:
    lora = read_lora(tiny_lora(tmp_path / "words.safetensors", TEXT))
    with pytest.raises(LoraError, match=r"1 modules fit.*not connected"):
        report(lora, base[0], None)
    assert report(lora, None, base[1]).matched_text == 1


def test_a_checkpoint_in_the_lora_folder_is_not_a_lora(
    tmp_path: Path, base: tuple[Model, Clip]
) -> None:
    with pytest.raises(LoraError, match="is not a LoRA"):
        report(read_lora(base[0].source), *base)


def test_the_table_is_that_of_the_base_at_hand(tmp_path: Path) -> None:
    wider = UnetConfig(widths=(64,), attention=(True,), resnets=1, context_width=64)
    model = Model(tiny_checkpoint(tmp_path / "wide.safetensors", wider))
    with pytest.raises(LoraError, match="of another shape"):
        report(read_lora(tiny_lora(tmp_path / "fits.safetensors")), model, None)

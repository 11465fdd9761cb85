"""What the person at the canvas is told about a LoRA."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

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
    tensors = lora_tensors(LINEAR, CONV) | {f"{CONV}.bias_values": torch.ones(3)}
    found = report(read_lora(save(tmp_path / "old.safetensors", tensors)), *base)
    assert found.unsupported == ((CONV, "a sparse bias of early LyCORIS"),)
    assert found.matched == 1
    assert found.warning is not None
    assert f"{CONV} (a sparse bias" in found.warning


AGAIN = "lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q"


def test_a_second_name_for_a_module_is_reported_and_not_added_twice(
    tmp_path: Path, base: tuple[Model, Clip]
) -> None:
    tensors = lora_tensors(LINEAR)
    tensors |= {name.replace(LINEAR, AGAIN): 2 * tensor for name, tensor in tensors.items()}
    found = report(read_lora(save(tmp_path / "twice.safetensors", tensors)), *base)
    assert found.matched == 1
    assert found.unsupported == ((AGAIN, "second name for a module"),)


def test_the_same_change_under_two_names_needs_no_words(
    tmp_path: Path, base: tuple[Model, Clip]
) -> None:
    tensors = lora_tensors(LINEAR)
    tensors |= {name.replace(LINEAR, AGAIN): tensor for name, tensor in tensors.items()}
    found = report(read_lora(save(tmp_path / "same.safetensors", tensors)), *base)
    assert (found.matched, found.warning) == (1, None)


def test_of_two_algorithms_for_one_module_the_later_counts_and_it_is_told(
    tmp_path: Path, base: tuple[Model, Clip]
) -> None:
    tensors = lora_tensors(LINEAR) | {f"{LINEAR}.diff": torch.ones(32, 32)}
    found = report(read_lora(save(tmp_path / "both.safetensors", tensors)), *base)
    assert found.algorithms == {"full difference": 1}
    assert found.unsupported == ((LINEAR, "LoRA, beside another algorithm"),)
    assert found.unmatched == ()


def test_a_bias_that_the_module_has_not_is_not_made_up(
    tmp_path: Path, base: tuple[Model, Clip]
) -> None:
    tensors = lora_tensors(LINEAR) | {f"{LINEAR}.diff_b": torch.ones(32)}
    found = report(read_lora(save(tmp_path / "bias.safetensors", tensors)), *base)
    assert found.matched == 1
    assert found.unsupported == ((LINEAR, "the module has no bias"),)


def test_a_change_that_makes_a_weight_larger_is_left_alone(
    tmp_path: Path, base: tuple[Model, Clip]
) -> None:
    tensors = lora_tensors(LINEAR, CONV) | {
        f"{CONV}.reshape_weight": torch.tensor([32, 40, 3, 3]),
        f"{LINEAR}.reshape_weight": torch.tensor([32, 32]),
    }
    path = tmp_path / "wide.safetensors"
    save_file(tensors, path)
    found = report(read_lora(path), *base)
    assert found.unsupported == ((CONV, "it makes the weight larger: [32, 40, 3, 3]"),)
    assert found.matched == 1


def test_dialects_algorithms_and_ranks_are_counted(
    tmp_path: Path, base: tuple[Model, Clip]
) -> None:
    tensors = lora_tensors(LINEAR, CROSS, TEXT, rank=4) | {f"{CONV}.diff": torch.ones(32, 32, 3, 3)}
    found = report(read_lora(save(tmp_path / "mixed.safetensors", tensors)), *base)
    assert found.components == {"unet": 3, "text_encoder": 1}
    assert found.dialects == ("kohya",)
    assert found.algorithms == {"LoRA": 3, "full difference": 1}
    assert found.ranks == {4: 3}
    assert json.loads(json.dumps(found.as_json()))["ranks"] == {"4": 3}


def test_bundled_embeddings_are_named_and_not_unknown(
    tmp_path: Path, base: tuple[Model, Clip]
) -> None:
    tensors = lora_tensors(LINEAR) | {"bundle_emb.my cat.string_to_param.*": torch.ones(2, 64)}
    found = report(read_lora(save(tmp_path / "pivotal.safetensors", tensors)), *base)
    assert (found.embeddings, found.unmatched) == (("my cat",), ())


def test_a_file_with_several_adapters_is_refused_with_their_names(tmp_path: Path) -> None:
    tensors = {
        f"unet.conv_in.lora_{side}.{adapter}.weight": torch.ones(2, 2)
        for side in "AB"
        for adapter in ("cat", "dog")
    }
    with pytest.raises(LoraError, match=r"holds 2 adapters \(cat, dog\)"):
        read_lora(save(tmp_path / "two.safetensors", tensors))


def test_a_partly_fitting_file_says_which_base_it_is_for(
    tmp_path: Path, base: tuple[Model, Clip]
) -> None:
    deep = f"{LINEAR[: LINEAR.index('blocks_0_attn1')]}blocks_1_attn1_to_q"
    tensors = lora_tensors(LINEAR)
    tensors |= {name.replace(LINEAR, deep): tensor for name, tensor in tensors.items()}
    found = report(read_lora(save(tmp_path / "xl.safetensors", tensors)), *base)
    assert found.matched == 1
    assert found.warning is not None
    assert found.warning.endswith("made for SDXL; the model here is Stable Diffusion 1.")


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
    with pytest.raises(LoraError, match=r"is not a LoRA.* a whole checkpoint"):
        report(read_lora(base[0].source), *base)


def test_the_table_is_that_of_the_base_at_hand(tmp_path: Path) -> None:
    wider = UnetConfig(widths=(64,), depths=(1,), resnets=1, context_width=64)
    model = Model(tiny_checkpoint(tmp_path / "wide.safetensors", wider))
    with pytest.raises(LoraError, match="of another shape"):
        report(read_lora(tiny_lora(tmp_path / "fits.safetensors")), model, None)

"""What a PEFT configuration says about scales."""

import json
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.lora.adapter import read_adapter
from engine.lora.file import read_lora
from engine.lora.keys import target_table
from engine.lora.match import match
from tests.engine.weights.tiny import TEXT, UNET, live_shapes, save

MODULE = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
PATH = "transformer_blocks.0.attn1.to_q"


def scale(fields: dict[str, Any], component: str = "unet", rank: int = 4) -> float | None:
    config = read_adapter({"lora_adapter_metadata": json.dumps(fields)}, None)
    return None if config is None else config.scale(component, MODULE, rank)


def test_alpha_is_divided_by_the_rank_or_its_root() -> None:
    assert scale({"unet.lora_alpha": 8}) == 2
    assert scale({"unet.lora_alpha": 8, "unet.use_rslora": True}) == pytest.approx(8 / sqrt(4))
    assert scale({"lora_alpha": 6}) == 1.5
    assert scale({"text_encoder.lora_alpha": 8}) is None
    assert scale({"text_encoder.lora_alpha": 8}, "text_encoder") == 2


@pytest.mark.parametrize("pattern", ["attn1.to_q", PATH, MODULE, r"attn\d\.to_[qk]", ".*to_q"])
def test_a_pattern_goes_before_the_alpha_of_all(pattern: str) -> None:
    fields = {"unet.lora_alpha": 8, "unet.alpha_pattern": {"attn1.to_v": 2, pattern: 16}}
    assert scale(fields) == 4


@pytest.mark.parametrize("pattern", ["to_q.*x", "tn1.to_q", "(", "(a|a)*b", "x" * 300, ".*.*.*.*="])
def test_other_patterns_and_bad_ones_count_for_nothing(pattern: str) -> None:
    fields = {"unet.lora_alpha": 8, "unet.alpha_pattern": {pattern: 16}}
    assert scale(fields) == 2


@pytest.mark.parametrize("alpha", ["8", None, True, [8], float("nan"), float("inf")])
def test_an_alpha_that_is_no_number_counts_for_nothing(alpha: Any) -> None:
    assert scale({"unet.lora_alpha": alpha}) is None


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, "null", "7"])
def test_a_broken_configuration_is_none(text: str) -> None:
    assert read_adapter({"lora_adapter_metadata": text}, None) is None


def test_the_configuration_beside_the_file_counts_as_it_is_now(tmp_path: Path) -> None:
    stem = f"base_model.model.{MODULE}"
    tensors = {
        f"{stem}.lora_A.weight": torch.ones(4, 32),
        f"{stem}.lora_B.weight": torch.ones(32, 4),
    }
    file = save(tmp_path / "adapter_model.safetensors", tensors)
    config = tmp_path / "adapter_config.json"
    table = target_table(UNET, live_shapes(UNET))

    def found() -> float | None:
        return match(read_lora(file), table).fits[f"{MODULE}.weight"].scale

    assert found() is None
    config.write_text(json.dumps({"lora_alpha": 8, "use_rslora": False}))
    assert found() == 2
    config.write_text(json.dumps({"lora_alpha": 16, "use_rslora": False}))
    assert found() == 4


def test_an_alpha_in_the_file_goes_before_the_configuration(tmp_path: Path) -> None:
    stem = "text_encoder.text_model.encoder.layers.0.mlp.fc1"
    tensors = {
        f"{stem}.lora_A.weight": torch.ones(4, 64),
        f"{stem}.lora_B.weight": torch.ones(128, 4),
        f"{stem}.alpha": torch.tensor(1.0),
    }
    metadata = {"lora_adapter_metadata": json.dumps({"lora_alpha": 8})}
    file = save(tmp_path / "a.safetensors", tensors, metadata=metadata)
    (fit,) = match(read_lora(file), target_table(TEXT, live_shapes(TEXT))).fits.values()
    assert fit.scale is None

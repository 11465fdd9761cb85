"""How a LoRA's change is spread over blocks."""

from pathlib import Path

import pytest
import torch

from engine.lora.shares import REST, norm_shares
from engine.weights.checkpoint import inspect_checkpoint
from engine.weights.configs import Config
from engine.weights.part import Part
from tests.engine.lora.tiny_lora import CONV, CROSS, LINEAR, TEXT, lora_tensors
from tests.engine.weights.tiny import save, tiny_checkpoint


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[Part[Config]]:
    found = inspect_checkpoint(tiny_checkpoint(tmp_path_factory.mktemp("base") / "b.safetensors"))
    assert found.unet is not None
    return [found.unet, *found.texts]


def test_shares_are_the_squared_norms_of_the_changes(
    tmp_path: Path, parts: list[Part[Config]]
) -> None:
    tensors = lora_tensors() | {"lora_unet_conv_out.diff": torch.full((4, 32, 3, 3), 0.01)}
    found = norm_shares(save(tmp_path / "a.safetensors", tensors, torch.float32), parts)
    squares = {"IN01": 0.0, "BASE": 0.0, REST: 4 * 32 * 9 * 0.01**2}
    for stem in (LINEAR, CROSS, CONV, TEXT):
        up, down = (tensors[f"{stem}.lora_{side}.weight"].flatten(1) for side in ("up", "down"))
        squares["BASE" if stem == TEXT else "IN01"] += (0.5 * up @ down).norm().item() ** 2
    total = sum(squares.values())
    assert found.blocks == pytest.approx({block: s / total for block, s in squares.items()})
    assert found.norm == pytest.approx(total**0.5)
    assert (found.dependent, found.without_effect) == (0, 0)


def test_what_has_no_size_of_its_own_is_counted_apart(
    tmp_path: Path, parts: list[Part[Config]]
) -> None:
    tensors = lora_tensors(LINEAR, CROSS) | {f"{LINEAR}.dora_scale": torch.ones(32, 1)}
    found = norm_shares(save(tmp_path / "dora.safetensors", tensors), parts)
    assert (found.dependent, found.blocks) == (1, {"IN01": 1.0})


def test_a_module_that_was_not_trained_is_without_effect(
    tmp_path: Path, parts: list[Part[Config]]
) -> None:
    tensors = lora_tensors(LINEAR, CROSS)
    tensors[f"{CROSS}.lora_up.weight"] = torch.zeros(32, 2)
    assert norm_shares(save(tmp_path / "zero.safetensors", tensors), parts).without_effect == 1
    tensors = {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}
    nothing = norm_shares(save(tmp_path / "nil.safetensors", tensors), parts)
    assert (nothing.blocks, nothing.norm, nothing.without_effect) == ({}, 0.0, 2)

"""The maker of random full-size files, on small configurations."""

from pathlib import Path

import torch

from engine.lora.file import read_lora
from engine.lora.report import report
from engine.weights.checkpoint import inspect_checkpoint
from engine.weights.handles import Clip, Model, WeightsFile
from engine.weights.ldm import TEXT_PREFIX, UNET_PREFIX, VAE_PREFIX
from engine.weights.tensors import TensorFile
from tests.engine.weights.tiny import TEXT, UNET, VAE
from tools.full_size import (
    SD15_TEXT,
    SD15_UNET,
    checkpoint_shapes,
    lora_shapes,
    write_random,
)

PARTS = ((UNET_PREFIX, UNET), (TEXT_PREFIX, TEXT), (VAE_PREFIX, VAE))


def test_a_made_checkpoint_has_all_parts_and_finite_weights(tmp_path: Path) -> None:
    path = tmp_path / "made.safetensors"
    write_random(path, checkpoint_shapes(*PARTS), torch.float16, seed=0)
    found = inspect_checkpoint(WeightsFile.of(path))
    assert [part.config for part in (found.unet, *found.texts, found.vae) if part] == [
        UNET,
        TEXT,
        VAE,
    ]
    with TensorFile(found.file) as tensors:
        assert all(tensors.read(name).isfinite().all() for name in tensors.header.tensors)


def test_the_same_seed_makes_the_same_file(tmp_path: Path) -> None:
    contents = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_random(tmp_path / name, checkpoint_shapes(PARTS[2]), torch.bfloat16, seed)
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[1] != contents[2]


def test_a_made_lora_fits_its_base_in_every_module(tmp_path: Path) -> None:
    base, lora = tmp_path / "base.safetensors", tmp_path / "lora.safetensors"
    write_random(base, checkpoint_shapes(*PARTS), torch.float16, seed=0)
    write_random(lora, lora_shapes(4, UNET, TEXT), torch.float16, seed=0)
    file = WeightsFile.of(base)
    found = report(read_lora(lora), Model(file), Clip(file))
    assert found.matched == found.modules
    assert found.warning is None


def test_a_full_size_lora_has_the_known_number_of_modules() -> None:
    stems = {name.partition(".")[0] for name, _ in lora_shapes(32, SD15_UNET, SD15_TEXT)}
    assert sum(stem.startswith("lora_unet_") for stem in stems) == 192
    assert sum(stem.startswith("lora_te_") for stem in stems) == 72

"""LoRAs made out of others and out of checkpoints, and written."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from engine.lora.errors import LoraError
from engine.lora.extract import extracted
from engine.lora.factoring import factored, refactored
from engine.lora.file import read_lora
from engine.lora.keys import Targets, part_targets
from engine.lora.match import match
from engine.lora.merge import Share, merged
from engine.lora.report import report
from engine.lora.resize import resized
from engine.lora.save import made_metadata, save_lora
from engine.lora.steps import apply_steps, read_step
from engine.weights.checkpoint import inspect_checkpoint
from engine.weights.configs import Config
from engine.weights.handles import Clip, Model, WeightsFile
from engine.weights.part import Part
from engine.weights.tensors import TensorFile
from tests.engine.lora.tiny_lora import CONV, CROSS, LINEAR, TEXT, lora_tensors
from tests.engine.weights.tiny import save, tiny_family, tiny_tensors

CPU = torch.device("cpu")
FULL = torch.float32


def parts_of(file: WeightsFile) -> list[Part[Config]]:
    found = inspect_checkpoint(file)
    assert found.unet is not None
    return [found.unet, *found.texts]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> WeightsFile:
    return save(tmp_path_factory.mktemp("base") / "base.safetensors", tiny_tensors(), FULL)


@pytest.fixture(scope="module")
def networks(base: WeightsFile) -> list[Targets]:
    return [part_targets(part) for part in parts_of(base)]


def changes(
    networks: list[Targets], *chain: tuple[WeightsFile, float, float]
) -> Mapping[str, Tensor]:
    """What a chain of files adds to weights of zero, by component and parameter."""
    found: dict[str, Tensor] = {}
    for network in networks:
        for file, model, clip in chain:
            with TensorFile(file) as tensors:
                for name, fit in match(read_lora(file), network).fits.items():
                    strength = model if network.component == "unet" else clip
                    weight = found.setdefault(
                        f"{network.component}/{name}", torch.zeros(network.shapes[name])
                    )
                    apply_steps(weight, [read_step(tensors, fit, strength, CPU)])
    return found


def test_a_merge_does_what_its_files_do_together(tmp_path: Path, networks: list[Targets]) -> None:
    one = save(tmp_path / "1.safetensors", lora_tensors(rank=3, seed=1), FULL)
    more = lora_tensors(LINEAR, CONV, rank=2, seed=2) | {
        f"{TEXT}.diff": torch.randn(128, 64),
        f"{TEXT}.diff_b": torch.randn(128),
    }
    two = save(tmp_path / "2.safetensors", more, FULL)
    found = merged([Share(read_lora(one), 0.7, 0.2), Share(read_lora(two), -1.5, 2.0)], networks)
    assert found.left_out == ()
    assert found.tensors[f"{LINEAR}.lora_down.weight"].shape == (5, 32)
    assert f"{TEXT}.diff" in found.tensors
    made = save(tmp_path / "made.safetensors", found.tensors, FULL)
    want = changes(networks, (one, 0.7, 0.2), (two, -1.5, 2.0))
    got = changes(networks, (made, 1.0, 1.0))
    assert got.keys() == want.keys()
    for name, change in want.items():
        torch.testing.assert_close(got[name], change)


def test_what_depends_on_the_weights_is_refused(tmp_path: Path, networks: list[Targets]) -> None:
    tensors = lora_tensors(LINEAR) | {f"{LINEAR}.dora_scale": torch.ones(1, 32)}
    lora = read_lora(save(tmp_path / "dora.safetensors", tensors))
    with pytest.raises(LoraError, match=r"dora\.safetensors: .*attn1_to_q is DoRA, .* checkpoint"):
        merged([Share(lora)], networks)


def test_stems_of_no_network_are_told(tmp_path: Path, networks: list[Targets]) -> None:
    tensors = lora_tensors(LINEAR)
    tensors |= {name.replace(LINEAR, "lora_unet_else"): t for name, t in tensors.items()}
    lora = read_lora(save(tmp_path / "odd.safetensors", tensors))
    assert merged([Share(lora)], networks).left_out == ("lora_unet_else",)


def test_both_text_networks_of_sdxl_keep_their_names(tmp_path: Path) -> None:
    file = tiny_family(tmp_path / "xl.safetensors", "sdxl")
    targets = [part_targets(part) for part in parts_of(file)]
    inner = "text_model_encoder_layers_0_mlp_fc1"
    tensors = {}
    for prefix in ("lora_te_", "lora_te2_"):
        tensors[f"{prefix}{inner}.lora_up.weight"] = torch.randn(128, 2)
        tensors[f"{prefix}{inner}.lora_down.weight"] = torch.randn(2, 64)
    lora = read_lora(save(tmp_path / "texts.safetensors", tensors))
    found = merged([Share(lora)], targets)
    assert {name.partition(".")[0] for name in found.tensors} == {
        f"lora_te1_{inner}",
        f"lora_te2_{inner}",
    }


def test_a_product_of_enough_rank_is_kept_whole() -> None:
    up, down = torch.randn(24, 6), torch.randn(6, 40)
    for found in (refactored(up, down, 6), refactored(up, down, 60), factored(up @ down, 6)):
        torch.testing.assert_close(found.up @ found.down, up @ down, atol=1e-4, rtol=1e-4)
        assert found.kept == pytest.approx(found.total)


def test_the_energy_is_that_of_the_largest_singular_values() -> None:
    up, down = torch.randn(64, 12), torch.randn(12, 80)
    squares = torch.linalg.svdvals((up @ down).double()).square()
    for found in (refactored(up, down, 3), factored(up @ down, 3)):
        assert found.kept / found.total == pytest.approx((squares[:3].sum() / squares.sum()).item())
        left = (up @ down - found.up @ found.down).double().square().sum().item()
        assert left == pytest.approx(found.total - found.kept, rel=1e-4)


def test_a_smaller_lora_tells_what_it_keeps(tmp_path: Path, networks: list[Targets]) -> None:
    more = lora_tensors(rank=8) | {f"{TEXT}.diff_b": torch.randn(128)}
    whole = merged([Share(read_lora(save(tmp_path / "a.safetensors", more, FULL)))], networks)
    small = resized(whole.tensors, 2)
    assert small.energy.keys() == {LINEAR, CROSS, CONV, TEXT}
    assert all(0.2 < share < 1 for share in (small.kept, *small.energy.values()))
    made = save(tmp_path / "small.safetensors", small.tensors, FULL)
    want = changes(networks, (WeightsFile.of(tmp_path / "a.safetensors"), 1.0, 1.0))
    got = changes(networks, (made, 1.0, 1.0))
    assert torch.equal(got[next(n for n in got if n.endswith("fc1.bias"))], more[f"{TEXT}.diff_b"])
    matrices = [name for name in want if want[name].dim() > 1]
    lost = sum((want[n] - got[n]).square().sum().item() for n in matrices)
    assert 1 - lost / sum(want[n].square().sum().item() for n in matrices) == pytest.approx(
        small.kept, abs=1e-4
    )
    assert resized(whole.tensors, 8).kept == pytest.approx(1)
    with pytest.raises(LoraError, match="rank 0"):
        resized(whole.tensors, 0)


def test_a_lora_is_found_again_in_the_checkpoint_it_was_put_into(
    tmp_path: Path, base: WeightsFile, networks: list[Targets]
) -> None:
    lora = save(tmp_path / "a.safetensors", lora_tensors(rank=3), FULL)
    tuned = tiny_tensors()
    for network, part in zip(networks, parts_of(base), strict=True):
        for name, change in changes([network], (lora, 1.0, 1.0)).items():
            place = part.place(name.partition("/")[2])
            tuned[place.name] = tuned[place.name] + change.reshape(tuned[place.name].shape)
    other = save(tmp_path / "tuned.safetensors", tuned, FULL)
    found = extracted(parts_of(base), parts_of(other), rank=3)
    assert found.kept == pytest.approx(1, abs=1e-4)
    made = save(tmp_path / "found.safetensors", found.tensors, FULL)
    want = changes(networks, (lora, 1.0, 1.0))
    got = changes(networks, (made, 1.0, 1.0))
    assert got.keys() == want.keys()
    for name, change in want.items():
        torch.testing.assert_close(got[name], change, atol=1e-4, rtol=1e-3)


def test_equal_checkpoints_and_unlike_ones_have_nothing_to_extract(
    tmp_path: Path, base: WeightsFile
) -> None:
    with pytest.raises(LoraError, match="the same weights"):
        extracted(parts_of(base), parts_of(base), rank=3)
    other = tiny_family(tmp_path / "xl.safetensors", "sdxl")
    with pytest.raises(LoraError, match="holds no network like one in base"):
        extracted(parts_of(base), parts_of(other), rank=3)


def test_a_saved_file_has_its_metadata_and_the_hash_of_its_numbers(
    tmp_path: Path, base: WeightsFile
) -> None:
    metadata = made_metadata(
        {"modelspec.author": "somebody", "sshs_model_hash": "of another file"},
        family="sd1",
        rank=2,
        title="mine",
    )
    file = save_lora(tmp_path / "mine.safetensors", lora_tensors(), metadata)
    with safe_open(file.path, "pt") as opened:
        kept = opened.metadata()
    data = Path(file.path).read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    assert kept["sshs_model_hash"] == hashlib.sha256(data[start:]).hexdigest()
    assert (kept["modelspec.author"], kept["ss_network_dim"]) == ("somebody", "2")
    assert {tensor.dtype for tensor in load_file(file.path).values()} == {torch.float16}
    found = report(read_lora(file), Model(base), Clip(base))
    assert (found.declared, found.matched, found.warning) == ("sd1", 4, None)


def test_nothing_and_numbers_too_large_are_not_saved(tmp_path: Path) -> None:
    path = tmp_path / "bad.safetensors"
    with pytest.raises(LoraError, match="would be empty"):
        save_lora(path, {}, {})
    with pytest.raises(LoraError, match=r"a\.diff holds numbers that float16 cannot express"):
        save_lora(path, {"a.diff": torch.full((2,), 1e6)}, {})
    assert not path.exists()

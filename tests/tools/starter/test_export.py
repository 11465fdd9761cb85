"""What export writes, the engine reads: names, shapes, values and the folded latent scale."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from engine.lora.match import match_part
from engine.weights.checkpoint import inspect_checkpoint
from engine.weights.handles import Clip, LoraPatch, Model, Vae, WeightsFile
from tools.starter import export
from tools.starter.adapters import RECIPES
from tools.starter.denoiser import Pair
from tools.starter.latents import Spread, token_ids
from tools.starter.lora import LoraSet
from tools.starter.painter import Painter
from tools.starter.vae import build as build_vae

SPREAD = Spread(torch.tensor([0.3, -0.2, 0.0, 1.0]), torch.tensor([1.5, 0.5, 1.0, 2.0]))


@pytest.fixture(scope="module")
def pair() -> Pair:
    torch.manual_seed(0)
    return Pair().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def checkpoint(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("models") / "tiny.safetensors"
    vae = build_vae().requires_grad_(False)
    export.fold_scale(vae, SPREAD)
    export.write(path, export.checkpoint_tensors(pair, vae), export.checkpoint_metadata())
    return path


def rounded(module: nn.Module) -> nn.Module:
    """The module with its weights rounded to fp16, as the file has them."""
    for parameter in module.parameters():
        parameter.copy_(parameter.half().float())
    return module


def test_the_file_stays_under_its_size(checkpoint: Path) -> None:
    assert checkpoint.stat().st_size <= export.SIZE_LIMIT


def test_the_engine_finds_all_three_networks(checkpoint: Path) -> None:
    found = inspect_checkpoint(WeightsFile.of(checkpoint))
    assert found.unet is not None
    assert len(found.texts) == 1
    assert found.vae is not None
    assert found.trained.prediction == "eps"


def test_the_engine_computes_what_was_trained(checkpoint: Path, pair: Pair) -> None:
    painter = Painter(checkpoint)
    ids, noisy = token_ids(["a red star", ""]), torch.randn(2, 4, 16, 16)
    steps = torch.tensor([10, 900])
    twin = Pair()
    twin.load_state_dict(pair.state_dict())
    rounded(twin.eval().requires_grad_(False))
    source = WeightsFile.of(checkpoint)
    context, _ = painter.residency.text_encoders(Clip(source))[0](ids, -1)
    found = painter.residency.unet(Model(source))(noisy, steps.float(), context)
    torch.testing.assert_close(found, twin(noisy, steps, twin.read(ids)), atol=2e-4, rtol=1e-3)


def test_folding_gives_latents_of_the_spread_sd1_assumes_and_the_same_pictures() -> None:
    torch.manual_seed(1)
    plain = build_vae().eval().requires_grad_(False)
    folded = build_vae().eval().requires_grad_(False)
    folded.load_state_dict(plain.state_dict())
    export.fold_scale(folded, SPREAD)
    picture = torch.rand(1, 3, 32, 32) * 2 - 1
    raw, ours = plain.encode(picture).latent_dist, folded.encode(picture).latent_dist
    expected = SPREAD.normalise(raw.mean) / export.SD1_SCALE
    torch.testing.assert_close(ours.mean, expected, atol=1e-4, rtol=1e-4)
    relative = (SPREAD.std * export.SD1_SCALE).view(1, -1, 1, 1)
    torch.testing.assert_close(ours.std * relative, raw.std, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(
        folded.decode(ours.mean).sample, plain.decode(raw.mean).sample, atol=1e-4, rtol=1e-4
    )


@pytest.mark.parametrize("name", RECIPES)
def test_a_lora_file_matches_everything_it_was_trained_on(
    name: str, checkpoint: Path, tmp_path: Path
) -> None:
    recipe = RECIPES[name]
    lora = LoraSet(Pair(), recipe.rank, text=recipe.text)
    path = tmp_path / "lora.safetensors"
    size = export.write(path, lora.tensors(), export.lora_metadata(recipe))
    assert size <= 1_000_000
    found = inspect_checkpoint(WeightsFile.of(checkpoint))
    fits = {*match_part(WeightsFile.of(path), found.unet).fits}
    (text,) = found.texts
    text_fits = {*match_part(WeightsFile.of(path), text).fits}
    assert len(fits) + len(text_fits) == len(lora.layers)
    assert bool(text_fits) == recipe.text


def test_the_engine_bakes_a_lora_to_what_training_computed(
    checkpoint: Path, pair: Pair, tmp_path: Path
) -> None:
    twin = Pair()
    twin.load_state_dict(pair.state_dict())
    rounded(twin.eval().requires_grad_(False))
    lora = LoraSet(twin, rank=2, text=True).requires_grad_(False)
    for layer in lora.layers.values():
        nn.init.normal_(layer.up.weight, std=0.05)
    rounded(lora)
    lora.strength = torch.tensor([-0.5])
    path = tmp_path / "lora.safetensors"
    export.write(path, lora.tensors(), export.lora_metadata(RECIPES["outline"]))
    ids, noisy, steps = token_ids(["a ring"]), torch.randn(1, 4, 16, 16), torch.tensor([500])
    source, patch = WeightsFile.of(checkpoint), LoraPatch(WeightsFile.of(path), -0.5)
    residency = Painter(checkpoint).residency
    context, _ = residency.text_encoders(Clip(source, (patch,)))[0](ids, -1)
    found = residency.unet(Model(source, (patch,)))(noisy, steps.float(), context)
    torch.testing.assert_close(found, twin(noisy, steps, twin.read(ids)), atol=3e-4, rtol=1e-3)


def test_metadata_says_what_the_file_is(tmp_path: Path) -> None:
    path = tmp_path / "lora.safetensors"
    export.write(path, {"x.alpha": torch.tensor(4.0)}, export.lora_metadata(RECIPES["outline"]))
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    told = header["__metadata__"]
    assert told["ss_base_model_version"] == "sd_v1"
    assert told["ss_network_module"] == "networks.lora"
    assert told["modelspec.trigger_phrase"] == "outline drawing of"
    assert len(told["sshs_model_hash"]) == 64


def test_a_weight_that_fp16_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not finite"):
        export.write(tmp_path / "x.safetensors", {"w": torch.tensor([1e9]).half()}, {})


def test_an_engine_vae_round_trip_keeps_its_shape(checkpoint: Path) -> None:
    vae = Painter(checkpoint).residency.vae(Vae(WeightsFile.of(checkpoint)))
    latent = vae.encode(torch.rand(1, 64, 64, 3))
    assert latent.shape == (1, 4, 8, 8)
    assert vae.decode(latent).shape == (1, 64, 64, 3)


def test_written_tensors_come_back_bit_for_bit(tmp_path: Path) -> None:
    value = torch.randn(3, 5).half()
    export.write(tmp_path / "x.safetensors", {"w": value}, {"a": "b"})
    assert torch.equal(load_file(tmp_path / "x.safetensors")["w"], value)

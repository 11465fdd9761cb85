"""Files on their links: which nodes open what, and what is said of files that do not fit."""

from pathlib import Path
from typing import Any

import pytest
import torch

from engine.files.folders import Folders
from engine.lora.patcher import LoraPatcher
from engine.text.encode import encode_prompt
from engine.weights.choices import Choices
from engine.weights.errors import WeightsError
from engine.weights.handles import Clip, Model, Vae
from engine.weights.residency import Residency
from nodes import latent, loaders, text
from tests.engine.weights.test_folder import diffusers_folder
from tests.engine.weights.tiny import FAMILIES, Placed, file_tensors, save, tiny_family
from tests.nodes.run import LocalRun


@pytest.fixture
def run(tmp_path: Path) -> LocalRun:
    """Folders with SDXL as a checkpoint and as single files, and a residency."""
    models = tmp_path / "models"
    unet, low, high, vae = FAMILIES["sdxl"]
    tiny_family(models / "checkpoints/xl.safetensors", "sdxl")
    save(models / "unet/xl.safetensors", file_tensors([Placed(unet.config)]))
    save(models / "text_encoders/l.safetensors", file_tensors([low]))
    save(models / "clip/g.safetensors", file_tensors([high]))
    save(models / "vae/xl.safetensors", file_tensors([Placed(vae.config, "diffusers")]))
    return LocalRun(Folders(tmp_path), {Residency: Residency(Choices(), LoraPatcher())})


def painted(run: LocalRun, model: Model, clip: Clip, vae: Vae) -> list[torch.Tensor]:
    """What the networks behind three handles compute."""
    residency = run.service(Residency)
    cond, pooled = encode_prompt("a cat", residency.text_encoders(clip))
    x = torch.linspace(-1, 1, 4 * 36).reshape(1, 4, 6, 6)
    y = torch.cat([pooled, torch.zeros(1, 6 * 256)], dim=1)
    noise = residency.unet(model)(x, torch.tensor([5.0]), cond, y=y)
    return [cond, pooled, noise, residency.vae(vae).decode(noise)]


def test_split_files_paint_as_the_checkpoint_of_the_same_weights(run: LocalRun) -> None:
    whole = loaders.load_checkpoint(run=run, ckpt_name="xl.safetensors")
    split = (
        loaders.load_unet(run=run, unet_name="xl.safetensors", weight_dtype="default"),
        loaders.load_two_clips(
            run=run, clip_name1="g.safetensors", clip_name2="l.safetensors", type="sdxl"
        ),
        loaders.load_vae(run=run, vae_name="xl.safetensors"),
    )
    for a, b in zip(painted(run, *whole), painted(run, *split), strict=True):
        assert torch.equal(a, b)


def test_loaders_read_headers_alone(run: LocalRun) -> None:
    loaders.load_checkpoint(run=run, ckpt_name="xl.safetensors")
    loaders.load_unet(run=run, unet_name="xl.safetensors", weight_dtype="fp8_e5m2")
    loaders.load_clip(run=run, clip_name="g.safetensors", type="stable_diffusion")
    assert run.service(Residency).counters.networks_loaded == 0


@pytest.mark.parametrize(
    ("asked", "stored"),
    [
        ("default", ""),
        ("fp8_e4m3fn", "fp8_e4m3fn"),
        ("fp8_e4m3fn_fast", "fp8_e4m3fn"),
        ("fp8_e5m2", "fp8_e5m2"),
    ],
)
def test_a_unet_may_be_kept_in_eight_bits(run: LocalRun, asked: str, stored: str) -> None:
    model = loaders.load_unet(run=run, unet_name="xl.safetensors", weight_dtype=asked)
    assert model.stored == stored


def test_a_text_encoder_may_stay_off_the_gpu(run: LocalRun) -> None:
    names: dict[str, Any] = {"clip_name": "l.safetensors", "type": "stable_diffusion"}
    assert loaders.load_clip(run=run, **names, device="cpu").on_cpu
    assert not loaders.load_clip(run=run, **names, device="default").on_cpu
    assert not loaders.load_clip(run=run, **names).on_cpu


def test_a_diffusers_folder_is_listed_and_opened(run: LocalRun, tmp_path: Path) -> None:
    says = {"prediction_type": "v_prediction"}
    diffusers_folder(tmp_path / "models/diffusers/sub/mine", "sd1", says)
    assert run.folders.names("diffusers") == ("sub/mine",)
    model, clip, vae = loaders.load_diffusers(run=run, model_path="sub/mine")
    assert model.marks == {"v_pred"}
    assert {Path(h.source.path).parent.name for h in (model, clip, vae)} == {
        "unet",
        "text_encoder",
        "vae",
    }


def test_a_file_in_a_folder_that_changes_makes_the_node_run_again(
    run: LocalRun, tmp_path: Path
) -> None:
    folder = diffusers_folder(tmp_path / "models/diffusers/mine", "sd1")
    before = loaders._state(run, "mine")
    assert loaders._state(run, "mine") == before
    (folder / "vae/diffusion_pytorch_model.fp16.safetensors").write_bytes(b"other")
    assert loaders._state(run, "mine") != before


WRONG = [
    (lambda run: loaders.load_unet(run=run, unet_name="l.st", weight_dtype="default"), "no UNet"),
    (lambda run: loaders.load_vae(run=run, vae_name="u.st"), "no VAE"),
    (
        lambda run: loaders.load_clip(run=run, clip_name="v.st", type="stable_diffusion"),
        "no text encoder",
    ),
    (lambda run: loaders.load_clip(run=run, clip_name="v.st", type="sd3"), "type 'sd3' are not"),
    (
        lambda run: loaders.load_two_clips(
            run=run, clip_name1="x.st", clip_name2="x.st", type="sdxl"
        ),
        "together: x.st is CLIP-L, x.st is CLIP-L",
    ),
]


@pytest.mark.parametrize(("load", "words"), WRONG, ids=[words for _, words in WRONG])
def test_a_file_without_the_part_asked_for_is_a_sentence(
    tmp_path: Path, load: Any, words: str
) -> None:
    unet, low, _, vae = FAMILIES["sdxl"]
    models = tmp_path / "models"
    for name, part in (
        ("diffusion_models/l.st", low),
        ("vae/u.st", unet),
        ("text_encoders/v.st", vae),
        ("text_encoders/x.st", low),
    ):
        save(models / name, file_tensors([part]))
    with pytest.raises((WeightsError, ValueError), match=words):
        load(LocalRun(Folders(tmp_path)))


# Text and pictures through the nodes --------------------------------------------------------------


def test_sdxl_prompts_carry_their_sizes(run: LocalRun) -> None:
    _, clip, _ = loaders.load_checkpoint(run=run, ckpt_name="xl.safetensors")
    sizes = {
        "width": 640,
        "height": 768,
        "crop_w": 8,
        "crop_h": 16,
        "target_width": 512,
        "target_height": 1024,
    }
    ((cond, options),) = text.clip_text_encode_sdxl(
        run=run, clip=clip, text_g="a dog " * 50, text_l="a cat", **sizes
    )
    assert cond.shape == (1, 154, 128)
    assert {name: options[name] for name in sizes} == sizes
    ((same, plain),) = text.clip_text_encode_sdxl(run=run, clip=clip, text_g="a", text_l="a")
    ((want, _),) = text.clip_text_encode(run=run, text="a", clip=clip)
    assert torch.equal(same, want)
    assert (plain["width"], plain["crop_h"]) == (1024, 0)


def test_the_refiner_s_prompts_carry_a_score(run: LocalRun, tmp_path: Path) -> None:
    tiny_family(tmp_path / "models/checkpoints/refiner.safetensors", "sdxl_refiner")
    _, clip, _ = loaders.load_checkpoint(run=run, ckpt_name="refiner.safetensors")
    ((cond, options),) = text.clip_text_encode_sdxl_refiner(
        run=run, ascore=2.5, text="a cat", clip=clip
    )
    assert cond.shape == (1, 77, 64)
    assert (options["aesthetic_score"], options["width"]) == (2.5, 1024)


def test_the_sdxl_node_refuses_the_clip_of_another_model(run: LocalRun, tmp_path: Path) -> None:
    tiny_family(tmp_path / "models/checkpoints/sd1.safetensors", "sd1")
    _, clip, _ = loaders.load_checkpoint(run=run, ckpt_name="sd1.safetensors")
    with pytest.raises(ValueError, match="encodes for SDXL"):
        text.clip_text_encode_sdxl(run=run, clip=clip, text_g="a", text_l="a")


def test_tiles_give_about_the_picture_of_the_whole(run: LocalRun) -> None:
    _, _, vae = loaders.load_checkpoint(run=run, ckpt_name="xl.safetensors")
    samples = {"samples": torch.randn(1, 4, 80, 72)}
    whole = latent.vae_decode(run=run, samples=samples, vae=vae)
    tiled = latent.vae_decode_tiled(run=run, samples=samples, vae=vae, tile_size=64, overlap=16)
    assert tiled.shape == whole.shape
    assert not torch.equal(tiled, whole)
    assert (tiled - whole).abs().mean() < 0.1
    back = latent.vae_encode_tiled(run=run, pixels=whole, vae=vae, tile_size=64, overlap=16)
    assert back["samples"].shape == samples["samples"].shape

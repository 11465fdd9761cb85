"""Models that are folders, as diffusers write them."""

import json
from pathlib import Path

import pytest
import torch

from engine.lora.patcher import LoraPatcher
from engine.text.encode import encode_prompt
from engine.weights.choices import Choices
from engine.weights.errors import WeightsError
from engine.weights.folder import model_folder
from engine.weights.handles import Clip, Model, Vae
from engine.weights.residency import Residency
from engine.weights.resolve import texts_of, unet_of
from tests.engine.weights.tiny import FAMILIES, Placed, file_tensors, save, tiny_family


def diffusers_folder(folder: Path, family: str, scheduler: dict[str, object] | None = None) -> Path:
    """A whole model of a family; its text networks have the layers by which they are known."""
    unet, *texts, vae = (Placed(part.config, "diffusers") for part in FAMILIES[family])
    save(folder / "unet/diffusion_pytorch_model.safetensors", file_tensors([unet]))
    save(folder / "vae/diffusion_pytorch_model.fp16.safetensors", file_tensors([vae]))
    for number, text in enumerate(texts):
        name = "text_encoder" if number == 0 else "text_encoder_2"
        save(folder / name / "model.safetensors", file_tensors([text]))
    (folder / "model_index.json").write_text("{}")
    if scheduler is not None:
        (folder / "scheduler").mkdir()
        (folder / "scheduler/scheduler_config.json").write_text(json.dumps(scheduler))
    return folder


@pytest.mark.parametrize("family", ["sd1", "sd2"])
def test_a_folder_paints_as_the_checkpoint_of_the_same_weights(tmp_path: Path, family: str) -> None:
    found = model_folder(diffusers_folder(tmp_path / "model", family))
    whole = tiny_family(tmp_path / "whole.safetensors", family)
    clip = Clip(found.texts[0], more=found.texts[1:])
    results = []
    for model, text, vae in (
        (Model(found.unet), clip, Vae(found.vae)),
        (Model(whole), Clip(whole), Vae(whole)),
    ):
        residency = Residency(Choices(), LoraPatcher())
        cond, _ = encode_prompt("a cat", residency.text_encoders(text))
        x = torch.linspace(-1, 1, 4 * 36).reshape(1, 4, 6, 6)
        noise = residency.unet(model)(x, torch.tensor([7.0]), cond)
        results.append((cond, noise, residency.vae(vae).decode(noise)))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
    assert unet_of(Model(found.unet))[1] == unet_of(Model(whole))[1]


def test_the_scheduler_says_what_the_model_predicts(tmp_path: Path) -> None:
    says = {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True}
    found = model_folder(diffusers_folder(tmp_path / "v", "sd1", says))
    _, trained = unet_of(Model(found.unet, marks=found.marks))
    assert (trained.prediction, trained.zero_snr) == ("v", True)
    plain = model_folder(diffusers_folder(tmp_path / "e", "sd1", {"prediction_type": "epsilon"}))
    assert plain.marks == frozenset()


@pytest.mark.parametrize("junk", [b"", b"[1]", b"{", b"[" * 100_000, b"\xff\xfe"])
def test_a_scheduler_file_that_says_nothing_is_ignored(tmp_path: Path, junk: bytes) -> None:
    folder = diffusers_folder(tmp_path / "m", "sd1", {})
    (folder / "scheduler/scheduler_config.json").write_bytes(junk)
    assert model_folder(folder).marks == frozenset()


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_a_missing_part_is_named(tmp_path: Path, part: str) -> None:
    folder = diffusers_folder(tmp_path / "model", "sd1")
    for file in (folder / part).iterdir():
        file.unlink()
    with pytest.raises(WeightsError, match=f"model has no {part}"):
        model_folder(folder)


def test_a_part_in_pieces_is_a_sentence(tmp_path: Path) -> None:
    folder = diffusers_folder(tmp_path / "model", "sd1")
    whole = folder / "unet/diffusion_pytorch_model.safetensors"
    whole.rename(folder / "unet/diffusion_pytorch_model-00001-of-00002.safetensors")
    with pytest.raises(WeightsError, match="model/unet is cut into several files"):
        model_folder(folder)


def test_text_encoders_that_no_model_listens_to_together_are_a_sentence(tmp_path: Path) -> None:
    sd1, sd2 = (tiny_family(tmp_path / f"{f}.safetensors", f) for f in ("sd1", "sd2"))
    with pytest.raises(WeightsError, match=r"sd1\.safetensors is CLIP-L, sd2\.safetensors is Open"):
        texts_of(Clip(sd2, more=(sd1,)))


def test_two_files_may_come_in_either_order(tmp_path: Path) -> None:
    _, low, high, _ = FAMILIES["sdxl"]
    first = save(tmp_path / "l.safetensors", file_tensors([low]))
    second = save(tmp_path / "g.safetensors", file_tensors([high]))
    for clip in (Clip(first, more=(second,)), Clip(second, more=(first,))):
        assert [part.file for part in texts_of(clip)] == [first, second]

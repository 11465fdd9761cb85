"""Pictures: what is saved was made, what is read was saved, and bad files say so."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.files.confine import PathRefused
from engine.files.folders import FileMissing, Folders
from engine.formats.metadata import MetadataPolicy
from nodes.image import load_image, preview_image, save_image
from nodes.pictures import PictureError
from tests.nodes.run import LocalRun


@pytest.fixture
def run(tmp_path: Path) -> LocalRun:
    for place in ("input", "output", "temp"):
        (tmp_path / place).mkdir()
    return LocalRun(Folders(tmp_path))


def batch(count: int = 2, height: int = 4, width: int = 6) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(count, height, width, 3, generator=generator) * 1.4 - 0.2


def test_a_saved_picture_is_clipped_and_truncated_to_eight_bits(run: LocalRun) -> None:
    images = batch()
    save_image(run=run, images=images, filename_prefix="a/b")
    assert run.shown["images"] == [
        {"filename": "b_00001_.png", "subfolder": "a", "type": "output"},
        {"filename": "b_00002_.png", "subfolder": "a", "type": "output"},
    ]
    for image, item in zip(images, run.shown["images"], strict=True):
        pixels = np.asarray(Image.open(run.folders.output / "a" / item["filename"]))
        expected = (image.numpy() * np.float32(255)).clip(0, 255).astype(np.uint8)
        assert (pixels == expected).all()


def test_a_prompt_that_is_tried_again_leaves_its_pictures_once(run: LocalRun) -> None:
    for node in (save_image, preview_image):
        node(run=run, images=batch())
        shown, run.shown = run.shown, {}
        node(run=run, images=batch())
        assert run.shown == shown
        run.shown = {}
    run.extra = {"create_time": 5}  # the same id, given to another prompt later
    save_image(run=run, images=batch(1))
    assert run.shown["images"][0]["filename"] == "ComfyUI_00003_.png"
    assert len(list(run.folders.output.glob("*.png"))) == 3
    assert len(list(run.folders.temp.glob("*.png"))) == 2


def test_the_workflow_is_in_the_picture_and_nothing_else_is(run: LocalRun) -> None:
    run.prompt = {"1": {"class_type": "SaveImage", "inputs": {"filename_prefix": "日本"}}}
    run.extra = {"extra_pnginfo": {"workflow": {"nodes": []}}, "api_key_comfy_org": "canary"}
    save_image(run=run, images=batch(1))
    path = run.folders.output / "ComfyUI_00001_.png"
    text = Image.open(path).text  # type: ignore[attr-defined]
    assert json.loads(text["prompt"]) == run.prompt
    assert json.loads(text["workflow"]) == {"nodes": []}
    assert b"canary" not in path.read_bytes()
    assert b"tEXt" in path.read_bytes()


def test_the_worker_s_choices_are_in_the_picture_whatever_the_client_says(run: LocalRun) -> None:
    run.services = {MetadataPolicy: MetadataPolicy(engine={"noise_profile": "0.3"})}
    run.extra = {"extra_pnginfo": {"patchbay": {"noise_profile": "current"}}}
    save_image(run=run, images=batch(1))
    text = Image.open(run.folders.output / "ComfyUI_00001_.png").text  # type: ignore[attr-defined]
    assert json.loads(text["patchbay"]) == {"noise_profile": "0.3"}


def test_metadata_can_be_switched_off(run: LocalRun) -> None:
    run.services = {MetadataPolicy: MetadataPolicy(embed=False)}
    run.prompt = {"1": {}}
    save_image(run=run, images=batch(1))
    assert Image.open(run.folders.output / "ComfyUI_00001_.png").text == {}  # type: ignore[attr-defined]


def test_a_prefix_cannot_leave_the_output_folder(run: LocalRun) -> None:
    with pytest.raises(PathRefused):
        save_image(run=run, images=batch(1), filename_prefix="../x")


def test_previews_go_to_temp_under_names_nobody_guesses(run: LocalRun) -> None:
    preview_image(run=run, images=batch(1))
    run.prompt_id = "another"
    preview_image(run=run, images=batch(1))
    names = {item["filename"] for item in run.shown["images"]}
    assert len(names) == 2
    assert {p.name for p in run.folders.temp.glob("*.png")} == names
    assert all(item["type"] == "temp" for item in run.shown["images"])


def test_a_saved_picture_reads_back_within_one_step(run: LocalRun) -> None:
    images = batch(1).clamp(0, 1)
    save_image(run=run, images=images)
    read, mask = load_image(run=run, image="ComfyUI_00001_.png [output]")
    assert read.shape == images.shape
    assert read.dtype == torch.float32
    assert float((read - images).abs().max()) <= 1 / 255
    assert mask.shape == (1, 64, 64)
    assert not mask.any()


def test_transparency_is_the_mask(run: LocalRun) -> None:
    rgba = np.zeros((2, 3, 4), np.uint8)
    rgba[0, 0] = (255, 0, 0, 51)
    Image.fromarray(rgba).save(run.folders.input / "a.png")
    pixels, mask = load_image(run=run, image="a.png")
    assert mask.shape == (1, 2, 3)
    assert mask[0, 0, 0] == pytest.approx(0.8)
    assert mask[0, 1, 1] == 1
    assert pixels[0, 0, 0].tolist() == [1, 0, 0]


def test_a_picture_is_turned_upright(run: LocalRun) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by a quarter
    Image.new("RGB", (8, 4)).save(run.folders.input / "a.jpg", exif=exif)
    assert load_image(run=run, image="a.jpg")[0].shape == (1, 8, 4, 3)


def test_sixteen_bits_are_scaled_not_clipped(run: LocalRun) -> None:
    Image.fromarray(np.full((2, 2), 32768, np.uint16)).save(run.folders.input / "a.png")
    pixels, _ = load_image(run=run, image="a.png")
    assert pixels.shape == (1, 2, 2, 3)
    assert pixels.mean().item() == pytest.approx(0.5, abs=1e-4)


def test_frames_become_a_batch(run: LocalRun) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue", "lime")]
    frames[0].save(run.folders.input / "a.gif", save_all=True, append_images=frames[1:])
    pixels, _ = load_image(run=run, image="a.gif")
    assert pixels[:, 0, 0].round().tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 50])
def test_what_is_no_picture_is_a_sentence(run: LocalRun, content: bytes) -> None:
    (run.folders.input / "a.png").write_bytes(content)
    with pytest.raises(PictureError, match=r"'a\.png' cannot be read as a picture"):
        load_image(run=run, image="a.png")


def test_half_a_picture_is_a_sentence(run: LocalRun) -> None:
    Image.effect_noise((64, 64), 90).save(run.folders.input / "a.png")
    path = run.folders.input / "a.png"
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(PictureError, match="cannot be read"):
        load_image(run=run, image="a.png")


def test_a_missing_or_foreign_file_is_refused(run: LocalRun) -> None:
    with pytest.raises(FileMissing):
        load_image(run=run, image="nope.png")
    with pytest.raises(PathRefused):
        load_image(run=run, image="/etc/passwd")

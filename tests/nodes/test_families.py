"""Every family of models through the real engine, from its checkpoint to a picture."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from engine.weights.handles import WeightsFile
from tests.engine.weights.tiny import (
    FAMILIES,
    SDXL_UNET,
    UNET,
    VAE,
    Placed,
    file_tensors,
    save,
    tiny_family,
)
from tests.nodes.test_pipeline import Studio, node


def with_unet(path: Path, family: str, **differs: Any) -> WeightsFile:
    """A whole checkpoint of a family whose UNet differs."""
    unet, *rest = FAMILIES[family]
    changed = Placed(replace(unet.config, **differs), unet.layout, unet.prefix)
    return save(path, file_tensors([changed, *rest]))


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    base = tmp_path_factory.mktemp("families")
    found = Studio(base)
    checkpoints = base / "models/checkpoints"
    for family in FAMILIES:
        tiny_family(checkpoints / f"{family}.safetensors", family)
    with_unet(checkpoints / "sd1 inpaint.safetensors", "sd1", channels=9)
    with_unet(checkpoints / "sdxl inpaint.safetensors", "sdxl", channels=9)
    with_unet(checkpoints / "sd1 instruct.safetensors", "sd1", channels=8)
    broken = file_tensors(FAMILIES["sd1"])
    broken["model.diffusion_model.out.2.bias"][:] = float("nan")
    save(checkpoints / "nan.safetensors", broken)
    save(checkpoints / "unet alone.safetensors", file_tensors(FAMILIES["sd1"][:1]))
    vae = {n: torch.zeros(64, 16, 3, 3) if "decoder.conv_in.w" in n else t for n, t in sd3_vae()}
    save(base / "models/vae/sd3.safetensors", vae)
    yield found
    found.engine.executor.close()


def sd3_vae() -> Any:
    return file_tensors([Placed(VAE)]).items()


def txt2img(checkpoint: str, **changes: Any) -> dict[str, Any]:
    ckpt = {"ckpt": node("CheckpointLoaderSimple", ckpt_name=f"{checkpoint}.safetensors")}
    sample = {
        "model": ["ckpt", 0],
        "seed": 3,
        "steps": 2,
        "cfg": 4.0,
        "sampler_name": "euler",
        "scheduler": "normal",
        "positive": ["pos", 0],
        "negative": ["neg", 0],
        "latent_image": ["empty", 0],
        "denoise": 1.0,
    }
    return ckpt | {
        "pos": node("CLIPTextEncode", text="a (red:1.2) star", clip=["ckpt", 1]),
        "neg": node("CLIPTextEncode", text="", clip=["ckpt", 1]),
        "empty": node("EmptyLatentImage", width=64, height=48, batch_size=1),
        "sample": node("KSampler", **(sample | changes)),
        "decode": node("VAEDecode", samples=["sample", 0], vae=["ckpt", 2]),
        "save": node("SaveImage", images=["decode", 0], filename_prefix="t"),
    }


def error_of(studio: Studio, prompt: dict[str, Any]) -> tuple[str, str]:
    """The node that failed, and what is said on it."""
    outcome = studio.run(prompt)
    type_, data = outcome.messages[-1]
    assert type_ == "execution_error", outcome.messages[-1]
    return data["node_id"], data["exception_message"]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_paints(studio: Studio, family: str) -> None:
    picture = studio.picture(txt2img(family))
    assert picture.shape == (12, 16, 3)
    assert picture.std() > 0
    assert (picture != studio.picture(txt2img(family, seed=4))).any()


def test_what_was_computed_in_is_in_the_picture(studio: Studio) -> None:
    outcome = studio.run(txt2img("sd1", seed=11))
    name = outcome.outputs["save"]["images"][0]["filename"]
    with Image.open(studio.output / name) as picture:
        assert "float32" in json.loads(picture.info["patchbay"])["unet"]


def test_sdxl_sizes_change_the_picture(studio: Studio) -> None:
    prompt = txt2img("sdxl")
    texts = {"text_g": "a star", "text_l": "a star"}
    sizes = {"width": 64, "height": 48, "target_width": 64, "target_height": 48}

    def sized(**crop: int) -> np.ndarray[Any, Any]:
        found = node(
            "CLIPTextEncodeSDXL",
            clip=["ckpt", 1],
            **(sizes | {"crop_w": 0, "crop_h": 0} | crop),
            **texts,
        )
        return studio.picture(prompt | {"pos": found})

    plain = studio.picture(
        prompt | {"pos": node("CLIPTextEncode", text="a star", clip=["ckpt", 1])}
    )
    assert (sized() == plain).all()
    assert (sized(crop_w=512) != plain).any()


def inpainted(checkpoint: str) -> dict[str, Any]:
    prompt = txt2img(
        checkpoint, latent_image=["cond", 2], positive=["cond", 0], negative=["cond", 1]
    )
    # A picture and a mask that need no file: the first picture of the same model, inverted.
    return prompt | {
        "first": node("EmptyLatentImage", width=64, height=48, batch_size=1),
        "grey": node("VAEDecode", samples=["first", 0], vae=["ckpt", 2]),
        "mask": node("LoadImage", image="mask.png"),
        "cond": node(
            "InpaintModelConditioning",
            positive=["pos", 0],
            negative=["neg", 0],
            vae=["ckpt", 2],
            pixels=["grey", 0],
            mask=["mask", 1],
            noise_mask=True,
        ),
    }


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_models_that_inpaint_paint(studio: Studio, family: str) -> None:
    folder = studio.engine.executor.folders.input
    folder.mkdir(exist_ok=True)
    alpha = np.zeros((12, 16, 4), np.uint8)
    alpha[:6, :, 3] = 255
    Image.fromarray(alpha, "RGBA").save(folder / "mask.png")
    assert studio.picture(inpainted(f"{family} inpaint")).shape == (12, 16, 3)


def test_a_latent_of_one_cell_is_painted(studio: Studio) -> None:
    prompt = txt2img("sd1")
    prompt["empty"]["inputs"] |= {"width": 16, "height": 16}
    assert studio.picture(prompt).shape == (4, 4, 3)


def test_weights_that_are_no_numbers_are_said_on_the_sampler(studio: Studio) -> None:
    where, text = error_of(studio, txt2img("nan"))
    assert where == "sample"
    assert "nan.safetensors gives values that are not numbers" in text


def test_a_model_that_edits_paints(studio: Studio) -> None:
    prompt = inpainted("sd1 instruct")
    prompt["cond"]["class_type"] = "InstructPixToPixConditioning"
    for name in ("mask", "noise_mask"):
        del prompt["cond"]["inputs"][name]
    del prompt["mask"]
    assert studio.picture(prompt).shape == (12, 16, 3)


def test_what_a_checkpoint_lacks_is_said_where_it_is_needed(studio: Studio) -> None:
    where, text = error_of(studio, txt2img("unet alone"))
    assert where in {"pos", "neg"}
    assert "unet alone.safetensors holds no text encoder" in text


def test_a_vae_of_another_family_is_a_sentence(studio: Studio) -> None:
    prompt = txt2img("sd1")
    prompt["vae"] = node("VAELoader", vae_name="sd3.safetensors")
    prompt["decode"]["inputs"]["vae"] = ["vae", 0]
    where, text = error_of(studio, prompt)
    assert where == "vae"
    assert "its VAE has 16 latent channels where Stable Diffusion has 4" in text


def test_a_prompt_of_another_family_is_a_sentence(studio: Studio) -> None:
    prompt = txt2img("sdxl")
    prompt["other"] = node("CheckpointLoaderSimple", ckpt_name="sd1.safetensors")
    prompt["pos"]["inputs"]["clip"] = ["other", 1]
    where, text = error_of(studio, prompt)
    assert where == "sample"
    assert "encoded by the CLIP of another model family" in text
    assert UNET.context_width != SDXL_UNET.context_width

"""Latent formats and the pictures previews make of latents, against the reference's."""

import io
import json
from typing import Any

import pytest
import torch
from PIL import Image

from engine.sampling.latent_format import latent_format
from engine.sampling.preview import latent_to_jpeg, latent_to_rgb
from tests.engine.sampling.golden import golden_tensors
from tests.support import vectors

FORMATS = ("SD15", "SDXL", "SD3", "Flux")


def cases(kind: str) -> list[dict[str, Any]]:
    tables = json.loads(vectors("sampling", "tables.json").read_text())
    found = [case for case in tables[kind] if case["format"] in FORMATS]
    assert len(found) == len(FORMATS)
    return found


@pytest.mark.vectors
@pytest.mark.parametrize("case", cases("format_cases"), ids=lambda case: case["format"])
def test_process_in_and_out(case: dict[str, Any]) -> None:
    tensors = golden_tensors("sampling", "tables.safetensors")
    form, x = latent_format(case["format"]), tensors[case["x"]]
    torch.testing.assert_close(form.process_in(x), tensors[case["process_in"]])
    torch.testing.assert_close(form.process_out(x), tensors[case["process_out"]])


@pytest.mark.vectors
@pytest.mark.parametrize("case", cases("preview_cases"), ids=lambda case: case["format"])
def test_preview_colours_equal_the_reference(case: dict[str, Any]) -> None:
    tensors = golden_tensors("sampling", "tables.safetensors")
    pixels = latent_to_rgb(tensors[case["latent"]], latent_format(case["format"]))
    assert torch.equal(pixels, tensors[case["image"]])


@pytest.mark.parametrize(
    ("h", "w", "size"), [(64, 64, (512, 512)), (16, 32, (512, 256)), (200, 50, (128, 512))]
)
def test_a_preview_is_a_jpeg_of_the_asked_size(h: int, w: int, size: tuple[int, int]) -> None:
    data = latent_to_jpeg(torch.randn(1, 4, h, w), max_side=512)
    image = Image.open(io.BytesIO(data))
    assert image.format == "JPEG"
    assert image.size == size


def test_a_preview_shows_the_first_picture_of_a_batch_and_survives_nan() -> None:
    latent = torch.zeros(2, 4, 8, 8)
    latent[1] = 3
    assert latent_to_jpeg(latent) == latent_to_jpeg(latent[:1])
    assert latent_to_jpeg(torch.full((1, 4, 8, 8), torch.nan))

"""Latent formats and the pictures previews make of latents, against the reference's."""

import io
import json
from typing import Any

import pytest
import torch
from PIL import Image

from engine.sampling.latent_format import (
    OWN_COLOURS,
    LatentFormat,
    latent_format,
    latent_formats,
    with_own_colours,
)
from engine.sampling.preview import jpeg, latent_to_rgb
from tests.engine.sampling.golden import golden_tensors
from tests.support import vectors


def table(kind: str) -> Any:
    return json.loads(vectors("sampling", "tables.json").read_text())[kind]


def cases(kind: str) -> list[Any]:
    found = [pytest.param(case, id=case["format"]) for case in table(kind)]
    assert len(found) >= 5
    return found


@pytest.mark.vectors
@pytest.mark.parametrize("name", table("latent_formats"))
def test_a_format_has_the_reference_s_numbers(name: str) -> None:
    row, form = table("latent_formats")[name], latent_format(name)
    assert form.channels == row["latent_channels"]
    assert form.dimensions == row["latent_dimensions"]
    assert form.scale == row["scale_factor"]
    assert form.shift == row.get("shift_factor", 0.0)
    assert form.taesd == (row["taesd_decoder"] or "")
    # The vectors round means and spreads to ten digits, and so does our table.
    assert list(form.mean) == row.get("latents_mean", [])
    assert list(form.std) == row.get("latents_std", [])
    assert [list(colour) for colour in form.rgb] == row.get("rgb_factors", [])
    assert list(form.rgb_bias) == (row.get("rgb_bias") or [0, 0, 0])


@pytest.mark.vectors
def test_every_format_of_the_reference_is_here() -> None:
    assert set(latent_formats()) == set(table("latent_formats"))


@pytest.mark.vectors
@pytest.mark.parametrize("case", cases("format_cases"))
def test_process_in_and_out(case: dict[str, Any]) -> None:
    tensors = golden_tensors("sampling", "tables.safetensors")
    form, x = latent_format(case["format"]), tensors[case["x"]]
    torch.testing.assert_close(form.process_in(x), tensors[case["process_in"]])
    torch.testing.assert_close(form.process_out(x), tensors[case["process_out"]])


@pytest.mark.vectors
@pytest.mark.parametrize("case", cases("preview_cases"))
def test_preview_colours_equal_the_reference(case: dict[str, Any]) -> None:
    tensors = golden_tensors("sampling", "tables.safetensors")
    pixels = latent_to_rgb(tensors[case["latent"]], latent_format(case["format"]))
    assert torch.equal(pixels, tensors[case["image"]])


@pytest.mark.parametrize("name", latent_formats())
def test_a_format_is_a_value_and_undoes_itself(name: str) -> None:
    form = latent_format(name)
    assert hash(form) == hash(LatentFormat(**{k: getattr(form, k) for k in form.__slots__}))
    assert len(form.rgb) in (0, form.channels)
    assert len(form.mean) == len(form.std)
    z = torch.randn(2, form.channels, *[3] * form.dimensions)
    torch.testing.assert_close(form.process_out(form.process_in(z)), z, rtol=1e-4, atol=1e-5)


def test_a_file_may_say_which_colours_its_own_latents_have() -> None:
    rows = [[0.1 * n, 0.2, -0.3] for n in range(5)]
    form = with_own_colours(latent_format("SD15"), {OWN_COLOURS: json.dumps(rows)})
    assert [list(colour) for colour in (*form.rgb, form.rgb_bias)] == rows
    assert (form.scale, form.channels) == (0.18215, 4)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "null",
        "[]",
        "{",
        "7",
        "[1, 2, 3, 4, 5]",
        json.dumps([[1, 2, 3]] * 4),
        json.dumps([[1, 2]] * 5),
        json.dumps([[1, 2, "red"]] * 5),
        json.dumps([[1, 2, {}]] * 5),
        "[[1, 2, NaN], [1, 2, 3], [1, 2, 3], [1, 2, 3], [1, 2, 3]]",
        json.dumps({"a": 1}),
        "[" * 100_000,
    ],
)
def test_what_is_no_colour_table_says_nothing(said: str) -> None:
    form = latent_format("SD15")
    assert with_own_colours(form, {OWN_COLOURS: said}) == form
    assert with_own_colours(form, {}) == form


@pytest.mark.parametrize(
    ("h", "w", "side", "size"),
    [(64, 64, 512, (512, 512)), (16, 32, 512, (512, 256)), (200, 50, 256, (64, 256))],
)
def test_a_preview_is_a_jpeg_of_the_asked_size(
    h: int, w: int, side: int, size: tuple[int, int]
) -> None:
    pixels = latent_to_rgb(torch.randn(1, 4, h, w), latent_format("SD15"))
    image = Image.open(io.BytesIO(jpeg(pixels, side)))
    assert image.format == "JPEG"
    assert image.size == size


def test_a_preview_shows_the_first_picture_of_a_batch_and_survives_nan() -> None:
    form, latent = latent_format("SD15"), torch.zeros(2, 4, 8, 8)
    latent[1] = 3
    assert torch.equal(latent_to_rgb(latent, form), latent_to_rgb(latent[:1], form))
    assert latent_to_rgb(torch.full((1, 4, 8, 8), torch.nan), form).shape == (8, 8, 3)

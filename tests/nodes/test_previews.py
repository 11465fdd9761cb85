"""What is shown of latents while they are sampled: rough colours, or TAESD's where its file is."""

import io
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.vae import DecoderTiny
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from engine.files.folders import Folders
from engine.lora.patcher import LoraPatcher
from engine.sampling.latent_format import LatentFormat, latent_format
from engine.sampling.policy import PreviewMethod, SamplingPolicy
from engine.sampling.preview import latent_to_rgb
from engine.weights.choices import Choices
from engine.weights.residency import Residency
from nodes.previews import Previews
from tests.nodes.run import LocalRun

SD1 = latent_format("SD15")
LATENT = torch.randn(2, 4, 8, 12, generator=torch.Generator().manual_seed(1))


def new_run(
    base: Path, method: PreviewMethod = "latent2rgb", size: int = 96, **options: Any
) -> LocalRun:
    services = {
        Residency: Residency(Choices(), LoraPatcher()),
        SamplingPolicy: SamplingPolicy(preview_method=method, preview_size=size),
    }
    return LocalRun(Folders(base), services, wants_preview=True, **options)


def shown(run: LocalRun, format: LatentFormat = SD1, latent: Tensor = LATENT) -> Image.Image:
    preview = Previews(format, run).of(latent)
    assert preview is not None
    return Image.open(io.BytesIO(preview.image))


def near(picture: Image.Image, pixels: Tensor) -> None:
    """The picture shows `pixels`, as well as a JPEG of its size can."""
    resized = Image.fromarray(pixels.numpy()).resize(picture.size, Image.Resampling.BILINEAR)
    ours, theirs = (
        torch.frombuffer(bytearray(p.convert("RGB").tobytes()), dtype=torch.uint8)
        for p in (picture, resized)
    )
    assert (ours.float() - theirs.float()).abs().mean() < 6


def taesd(seed: int = 0, channels: int = 4) -> DecoderTiny:
    torch.manual_seed(seed)
    return DecoderTiny(channels, 3, (3, 3, 3, 1), (64,) * 4, 2, "relu", "nearest").eval()


def author_layout(decoder: DecoderTiny) -> dict[str, Tensor]:
    """The weights as TAESD's author names them, who counts the clamp as the first layer."""
    found = {}
    for name, tensor in decoder.state_dict().items():
        number, _, rest = name.removeprefix("layers.").partition(".")
        found[f"{int(number) + 1}.{rest}"] = tensor
    return found


def diffusers_layout(decoder: DecoderTiny) -> dict[str, Tensor]:
    return {f"decoder.{name}": tensor for name, tensor in decoder.state_dict().items()}


def put(base: Path, tensors: dict[str, Tensor], name: str = "taesd_decoder.safetensors") -> None:
    folder = base / "models/vae_approx"
    folder.mkdir(parents=True)
    save_file(tensors, folder / name)


def decoded(decoder: DecoderTiny) -> Tensor:
    with torch.no_grad():
        picture = decoder(LATENT[:1])[0].movedim(0, -1)
    return ((picture + 1) / 2).clamp(0, 1).mul(255).to(torch.uint8)


@pytest.mark.parametrize("method", ["auto", "latent2rgb"])
def test_colours_of_the_first_picture_at_the_size_asked_for(
    tmp_path: Path, method: PreviewMethod
) -> None:
    run = new_run(tmp_path, method)
    picture = shown(run)
    assert picture.format == "JPEG"
    assert picture.size == (96, 64)
    near(picture, latent_to_rgb(LATENT, SD1))
    assert run.shown == {}


@pytest.mark.parametrize("layout", [author_layout, diffusers_layout])
def test_taesd_draws_with_the_decoder_in_its_file(tmp_path: Path, layout: Any) -> None:
    decoder = taesd()
    put(tmp_path, layout(decoder))
    run = new_run(tmp_path, "taesd")
    near(shown(run), decoded(decoder))
    assert run.shown == {}


def test_without_the_file_colours_are_rough_and_the_node_says_why(tmp_path: Path) -> None:
    run = new_run(tmp_path, "taesd")
    near(shown(run), latent_to_rgb(LATENT, SD1))
    (warning,) = run.shown["warnings"]
    assert "need the file taesd_decoder in models/vae_approx" in warning


@pytest.mark.parametrize(
    "tensors",
    [
        {"1.weight": torch.zeros(2)},
        author_layout(taesd(channels=16)),
        {**author_layout(taesd()), "1.weight": torch.zeros(64, 4, 1, 1)},
    ],
)
def test_a_file_that_is_no_such_decoder_is_named(
    tmp_path: Path, tensors: dict[str, Tensor]
) -> None:
    put(tmp_path, tensors)
    run = new_run(tmp_path, "taesd")
    near(shown(run), latent_to_rgb(LATENT, SD1))
    (warning,) = run.shown["warnings"]
    assert "taesd_decoder.safetensors is no TAESD decoder for latents with 4 channels" in warning


def test_a_prompt_may_choose_for_itself(tmp_path: Path) -> None:
    run = new_run(tmp_path, "none", extra={"preview_method": "taesd"})
    decoder = taesd(3)
    put(tmp_path, author_layout(decoder))
    near(shown(run), decoded(decoder))


def test_latents_whose_colours_nobody_knows_are_not_shown(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    assert Previews(latent_format("LTXV"), run).of(torch.zeros(1, 128, 2, 4, 4)) is None


def test_nobody_is_shown_what_nobody_wants(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    run.wants_preview = False
    assert Previews(SD1, run).of(LATENT) is None


def test_a_preview_is_followed_by_a_rest(tmp_path: Path) -> None:
    """Steps may take less time than a picture of one."""
    previews = Previews(SD1, new_run(tmp_path, size=2048))
    assert previews.of(LATENT) is not None
    assert previews.of(LATENT) is None

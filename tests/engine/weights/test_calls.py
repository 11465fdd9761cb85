"""The three networks as the engine calls them, against golden numbers and against themselves."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from engine.text.encode import encode_prompt
from engine.weights.calls import Autoencoder, Borrow, TextEncoder, UNet
from engine.weights.checkpoint import Part, inspect_checkpoint
from engine.weights.configs import Config
from engine.weights.errors import WeightsError
from engine.weights.handles import WeightsFile
from engine.weights.networks import load_network
from tests.engine.sampling.golden import golden_tensors
from tests.engine.weights.tiny import TEXT, UNET, VAE, save, tiny_checkpoint, tiny_tensors, tokens
from tests.support import vectors


def lend(part: Part[Config]) -> Borrow:
    """The network of ``part``, always at hand."""
    module = load_network(part, torch.device("cpu"), torch.float32).module

    @contextmanager
    def borrow() -> Iterator[nn.Module]:
        yield module

    return borrow


@pytest.fixture(scope="module")
def golden_unet() -> UNet:
    part = inspect_checkpoint(WeightsFile.of(vectors("sampling", "tiny_unet_sd1.safetensors"))).unet
    assert part is not None
    # The golden network has 4 heads; a real one always 8.
    config = replace(part.config, heads=4)
    return UNet(lend(replace(part, config=config)), config, "eps")


def unet_cases() -> list[dict[str, Any]]:
    document = json.loads(vectors("sampling", "unet.json").read_text())
    return [case for case in document["unit"] if case["model"] == "sd1"]


@pytest.mark.vectors
@pytest.mark.parametrize("case", unet_cases(), ids=lambda case: str(case["hw"]))
def test_the_unet_equals_the_golden_one(golden_unet: UNet, case: dict[str, Any]) -> None:
    tensors = golden_tensors("sampling", "unet.safetensors")
    x, context = tensors[case["x"]], tensors[case["context"]]
    out = golden_unet(x, torch.tensor(case["timesteps"]), context)
    torch.testing.assert_close(out, tensors[case["out"]], atol=case["atol"], rtol=0)
    assert out.is_contiguous()
    assert golden_unet.context_width == context.shape[2]


@pytest.fixture(scope="module")
def golden_text() -> TextEncoder:
    part = inspect_checkpoint(
        WeightsFile.of(vectors("prompt", "encode_tiny_clip.safetensors"))
    ).text
    assert part is not None
    # The golden network has 4 heads of 16; a real one has heads of 64.
    config = replace(part.config, head_width=16)
    return TextEncoder(lend(replace(part, config=config)), config)


def text_cases() -> list[dict[str, Any]]:
    document = json.loads(vectors("prompt", "encode.json").read_text())
    return [c for c in document["cases"] if c["family"] == "sd1" and "embedding:" not in c["text"]]


@pytest.mark.vectors
@pytest.mark.parametrize("case", text_cases(), ids=lambda case: str(case["id"]))
def test_an_encoded_prompt_equals_the_golden_one(
    golden_text: TextEncoder, case: dict[str, Any]
) -> None:
    want = golden_tensors("prompt", "encode_expected.safetensors")
    layer = case["stop_at_clip_layer"]
    cond, pooled = encode_prompt(case["text"], golden_text, -1 if layer is None else layer)
    torch.testing.assert_close(cond, want[case["cond"]], atol=1e-4, rtol=0)
    torch.testing.assert_close(pooled, want[case["pooled"]], atol=1e-4, rtol=0)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> TextEncoder:
    part = inspect_checkpoint(tiny_checkpoint(tmp_path_factory.mktemp("t") / "t.st", TEXT)).text
    assert part is not None
    return TextEncoder(lend(part), part.config)


def test_pooled_is_at_the_first_end_token_and_does_not_depend_on_the_layer(
    text: TextEncoder,
) -> None:
    last, pooled = text(tokens(), -1)
    earlier, same = text(tokens(), -2)
    first_end = 4  # start, three words, end
    assert torch.equal(pooled, last[:, first_end])
    assert torch.equal(pooled, same)
    assert not torch.equal(last, earlier)


def test_a_layer_beyond_the_first_means_the_last(text: TextEncoder) -> None:
    assert torch.equal(text(tokens(), -1)[0], text(tokens(), -(text.layers + 1))[0])


@pytest.fixture(scope="module")
def vae(tmp_path_factory: pytest.TempPathFactory) -> Autoencoder:
    part = inspect_checkpoint(tiny_checkpoint(tmp_path_factory.mktemp("v") / "v.st", VAE)).vae
    assert part is not None
    return Autoencoder(lend(part), part.config)


def test_decoding_gives_pictures_between_0_and_1(vae: Autoencoder) -> None:
    picture = vae.decode(50 * torch.randn(2, 4, 5, 7))
    assert picture.shape == (2, 10, 14, 3)
    assert picture.dtype == torch.float32
    assert (picture.min(), picture.max()) == (0, 1)


def test_a_batch_is_decoded_as_its_pictures_are(
    vae: Autoencoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    latent = torch.randn(3, 4, 4, 4)
    together = vae.decode(latent)
    monkeypatch.setattr("engine.weights.calls._PIXELS_AT_ONCE", 64)
    torch.testing.assert_close(vae.decode(latent), together)


def test_encoding_gives_the_posterior_mean_every_time(vae: Autoencoder) -> None:
    image = torch.rand(2, 8, 6, 3)
    latent = vae.encode(image)
    assert latent.shape == (2, 4, 4, 3)
    assert torch.equal(latent, vae.encode(image))


def test_encoding_cuts_to_whole_cells_around_the_middle_and_drops_alpha(
    tmp_path: Path,
) -> None:
    file = tiny_checkpoint(tmp_path / "v.safetensors", replace(VAE, widths=(32, 32, 32)))
    part = inspect_checkpoint(file).vae
    assert part is not None
    vae = Autoencoder(lend(part), part.config)  # 4 pixels per cell
    image = torch.rand(1, 10, 11, 4)
    assert torch.equal(vae.encode(image), vae.encode(image[:, 1:9, 1:9, :3]))


def test_a_vae_whose_attention_is_stored_linear_is_the_same_network(tmp_path: Path) -> None:
    tensors = tiny_tensors(VAE)
    flat = {n: t.flatten(1) if ".attn_1." in n and t.dim() == 4 else t for n, t in tensors.items()}
    pictures = []
    for name, content in (("conv", tensors), ("linear", flat)):
        part = inspect_checkpoint(save(tmp_path / f"{name}.safetensors", content)).vae
        assert part is not None
        vae = Autoencoder(lend(part), part.config)
        pictures.append(vae.decode(torch.ones(1, 4, 4, 4)))
    assert torch.equal(*pictures)


def test_a_tensor_of_the_wrong_shape_is_a_sentence(tmp_path: Path) -> None:
    tensors = tiny_tensors(UNET)
    tensors["model.diffusion_model.time_embed.0.weight"] = torch.zeros(64, 32)
    part = inspect_checkpoint(save(tmp_path / "odd.safetensors", tensors)).unet
    assert part is not None
    with pytest.raises(WeightsError, match=r"odd\.safetensors: .*time_embed\.0\.weight has shape"):
        lend(part)

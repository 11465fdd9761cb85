"""Pictures to latents and back, in one piece and in tiles."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine.weights.autoencoder import Autoencoder, VaeCodec
from engine.weights.checkpoint import inspect_checkpoint
from engine.weights.errors import WeightsError
from engine.weights.memory import OutOfMemory
from engine.weights.networks import load_network
from engine.weights.tiling import Tiles, decode_tiled, encode_tiled
from tests.engine.weights.tiny import VAE, AtHand, lend, save, tiny_checkpoint, tiny_tensors


def codec(path: Path, room: int = 1 << 60, **differs: Any) -> VaeCodec:
    part = inspect_checkpoint(tiny_checkpoint(path / "v.st", replace(VAE, **differs))).vae
    assert part is not None
    return VaeCodec(AtHand(lend(part).network, room), part.config)


@pytest.fixture(scope="module")
def vae(tmp_path_factory: pytest.TempPathFactory) -> Autoencoder:
    return Autoencoder(codec(tmp_path_factory.mktemp("v")))


def test_decoding_gives_pictures_between_0_and_1(vae: Autoencoder) -> None:
    picture = vae.decode(50 * torch.randn(2, 4, 5, 7))
    assert picture.shape == (2, 10, 14, 3)
    assert picture.dtype == torch.float32
    assert (picture.min(), picture.max()) == (0, 1)
    assert picture.is_contiguous()


def test_a_batch_is_decoded_as_its_pictures_are(
    vae: Autoencoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    latent = torch.randn(3, 4, 4, 4)
    together = vae.decode(latent)
    monkeypatch.setattr("engine.weights.autoencoder._PIXELS_AT_ONCE", 64)
    torch.testing.assert_close(vae.decode(latent), together)


def test_encoding_gives_the_posterior_mean_every_time(vae: Autoencoder) -> None:
    image = torch.rand(2, 8, 6, 3)
    latent = vae.encode(image)
    assert latent.shape == (2, 4, 4, 3)
    assert torch.equal(latent, vae.encode(image))


def test_encoding_cuts_to_whole_cells_around_the_middle_and_drops_alpha(tmp_path: Path) -> None:
    vae = Autoencoder(codec(tmp_path, widths=(32, 32, 32)))  # 4 pixels per cell
    image = torch.rand(1, 10, 11, 4)
    assert torch.equal(vae.encode(image), vae.encode(image[:, 1:9, 1:9, :3]))


def test_a_vae_whose_attention_is_stored_linear_is_the_same_network(tmp_path: Path) -> None:
    tensors = tiny_tensors(VAE)
    flat = {n: t.flatten(1) if ".attn_1." in n and t.dim() == 4 else t for n, t in tensors.items()}
    pictures = []
    for name, content in (("conv", tensors), ("linear", flat)):
        part = inspect_checkpoint(save(tmp_path / f"{name}.safetensors", content)).vae
        assert part is not None
        pictures.append(Autoencoder(VaeCodec(lend(part), VAE)).decode(torch.ones(1, 4, 4, 4)))
    assert torch.equal(*pictures)


# Bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 16, 8, 8), (1, 4, 8), (1, 4, 0, 8), (4, 8, 8)])
def test_a_latent_of_another_family_is_a_sentence(vae: Autoencoder, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"shape \[.*takes \[batch, 4, .* the same checkpoint"):
        vae.decode(torch.zeros(shape))


def test_a_latent_that_is_not_finite_is_a_sentence(vae: Autoencoder) -> None:
    with pytest.raises(ValueError, match="latent holds values that are not numbers"):
        vae.decode(torch.full((1, 4, 4, 4), float("nan")))


def test_a_vae_that_gives_no_numbers_is_a_sentence(tmp_path: Path) -> None:
    tensors = tiny_tensors(VAE)
    tensors["first_stage_model.decoder.conv_in.bias"][:] = float("nan")
    part = inspect_checkpoint(save(tmp_path / "bad.safetensors", tensors)).vae
    assert part is not None
    with pytest.raises(WeightsError, match="gives a picture with values that are not numbers"):
        Autoencoder(VaeCodec(lend(part), VAE)).decode(torch.zeros(1, 4, 4, 4))


def test_a_picture_smaller_than_a_cell_is_a_sentence(vae: Autoencoder) -> None:
    with pytest.raises(ValueError, match="is 1 x 5 pixels"):
        vae.encode(torch.zeros(1, 5, 1, 3))


def test_the_smallest_latent_is_a_picture_of_one_cell(vae: Autoencoder) -> None:
    assert vae.decode(torch.zeros(1, 4, 1, 1)).shape == (1, 2, 2, 3)


# Tiles -----------------------------------------------------------------------------------------


@dataclass
class Blocks:
    """An exact autoencoder without context: what tiles give is what the whole gives."""

    factor: int = 8
    channels: int = 4
    room: int = 1 << 60
    cost: int = 0

    def __post_init__(self) -> None:
        self.sizes: list[tuple[int, ...]] = []

    def decode(self, latent: Tensor) -> Tensor:
        self.sizes.append(tuple(latent.shape))
        large = latent[:, :3].repeat_interleave(self.factor, 2)
        return large.repeat_interleave(self.factor, 3)

    def encode(self, colours: Tensor) -> Tensor:
        self.sizes.append(tuple(colours.shape))
        cells = torch.nn.functional.avg_pool2d(colours, self.factor)
        return torch.cat([cells, cells[:, :1]], dim=1)

    def needs(self, work: str, pixels: int) -> int:
        return self.cost * pixels


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    tile=st.sampled_from([64, 96, 128, 160]),
    overlap=st.sampled_from([0, 16, 32, 64, 4096]),
)
def test_tiles_leave_no_seams_and_cover_everything(
    height: int, width: int, tile: int, overlap: int
) -> None:
    latent = torch.randn(1, 4, height, width)
    tiles = Tiles(tile, overlap)
    whole = Blocks().decode(latent)
    torch.testing.assert_close(decode_tiled(Blocks().decode, latent, tiles=tiles, factor=8), whole)
    back = encode_tiled(Blocks().encode, whole, tiles=tiles, factor=8)
    torch.testing.assert_close(back, Blocks().encode(whole))


def test_tiles_are_as_large_as_they_are_asked_to_be() -> None:
    blocks = Blocks()
    Autoencoder(blocks).decode(torch.randn(2, 4, 64, 64), Tiles(128, 32))
    assert {shape[0] for shape in blocks.sizes} == {1}
    largest = {max(shape[2:]) for shape in blocks.sizes}
    assert largest <= set(range(33))
    assert (1, 4, 32, 8) in blocks.sizes
    assert (1, 4, 8, 32) in blocks.sizes
    assert (1, 4, 16, 16) in blocks.sizes


def test_tiles_are_used_where_memory_is_short() -> None:
    latent = torch.rand(1, 4, 80, 80)
    roomy, short = Blocks(cost=1, room=1 << 24), Blocks(cost=50, room=50 * 400_000)
    assert torch.equal(Autoencoder(roomy).decode(latent), ((latent_colours(latent) + 1) / 2))
    assert len(roomy.sizes) == 1
    torch.testing.assert_close(Autoencoder(short).decode(latent), (latent_colours(latent) + 1) / 2)
    assert len(short.sizes) > 1


def latent_colours(latent: Tensor) -> Tensor:
    return Blocks().decode(latent).movedim(1, -1)


class Tight(Blocks):
    """One whose estimate was too low: memory runs out when it is tried."""

    def decode(self, latent: Tensor) -> Tensor:
        if latent.shape[2] * latent.shape[3] > 64 * 64:
            raise OutOfMemory("There is too little memory.")
        return super().decode(latent)


def test_tiles_are_used_when_memory_runs_out() -> None:
    latent = torch.rand(1, 4, 80, 80)
    tight = Tight()
    torch.testing.assert_close(Autoencoder(tight).decode(latent), (latent_colours(latent) + 1) / 2)
    assert len(tight.sizes) > 1


def test_a_picture_for_which_even_tiles_do_not_do_is_a_sentence() -> None:
    with pytest.raises(OutOfMemory, match=r"decode 1 pictures of 16384 x 16384 pixels .* even in"):
        Autoencoder(Blocks(cost=50, room=1 << 30)).decode(torch.zeros(1, 4, 2048, 2048))


def test_a_vae_that_overflows_goes_on_in_float32(tmp_path: Path) -> None:
    """Float16 ends at 65504; a norm behind these weights makes them harmless in float32."""
    tensors = tiny_tensors(VAE)
    tensors["first_stage_model.decoder.conv_in.weight"] *= 1e7
    part = inspect_checkpoint(save(tmp_path / "v.safetensors", tensors, torch.float32)).vae
    assert part is not None
    full = lend(part)
    choice = replace(full.network.choice, dtype=torch.float16, stored=torch.float16)
    half = AtHand(load_network(part, choice))
    latent = torch.randn(1, 4, 4, 4)
    with pytest.raises(WeightsError, match="--fp32-vae"):
        Autoencoder(VaeCodec(half, VAE)).decode(latent)
    found = Autoencoder(VaeCodec(half, VAE, exact=full)).decode(latent)
    assert torch.equal(found, Autoencoder(VaeCodec(full, VAE)).decode(latent))

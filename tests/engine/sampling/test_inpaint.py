"""What inpainting models are shown, grey pictures and grown masks."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from engine.sampling.facts import RunFacts
from engine.sampling.inpaint import concat_channels, grey_out, grow, resample_batch
from engine.sampling.latent_format import latent_format
from engine.sampling.mask import latent_mask

KEYS = ("mask", "masked_image")
FORM = latent_format("SD15")


def facts(batch: int = 1, mask: Tensor | None = None) -> RunFacts:
    latent = torch.randn(batch, 4, 6, 8, generator=torch.Generator().manual_seed(1))
    return RunFacts(latent, latent, torch.tensor([1.0, 0.0]), mask)


def shown(run: RunFacts, **options: Any) -> tuple[Tensor, Tensor]:
    found = concat_channels(KEYS, options, run, FORM)
    assert found is not None
    return found[:, :1], found[:, 1:]


def test_a_network_that_takes_nothing_beside_the_latent_gets_nothing() -> None:
    assert concat_channels((), {"concat_mask": torch.ones(1, 6, 8)}, facts(), FORM) is None


def test_without_a_mask_everything_is_made_anew_from_a_grey_picture() -> None:
    mask, image = shown(facts())
    assert bool((mask == 1).all())
    assert image[0, :, 2, 3].tolist() == pytest.approx([0.8223, -0.6876, 0.6364, 0.1380])


def test_the_run_s_own_mask_is_rounded_and_goes_with_its_latent() -> None:
    run = facts(mask=torch.linspace(0, 1, 8).expand(1, 6, 8))
    mask, image = shown(run)
    assert mask[0, 0, 0].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert torch.equal(image, run.latent)


def test_a_prompt_s_mask_and_picture_go_before_the_run_s() -> None:
    picture = torch.randn(1, 4, 6, 8)
    mask, image = shown(
        facts(mask=torch.ones(1, 6, 8)),
        concat_mask=torch.zeros(1, 48, 64),
        concat_latent_image=picture,
    )
    assert not mask.any()
    assert torch.allclose(image, FORM.process_in(picture))


def test_pictures_of_another_size_and_number_are_fitted() -> None:
    picture = torch.arange(2.0).view(2, 1, 1, 1).expand(2, 4, 12, 12)
    mask, image = shown(facts(4), concat_mask=torch.ones(3, 12, 12), concat_latent_image=picture)
    assert mask.shape == (4, 1, 6, 8)
    assert (image.mean((1, 2, 3)) / FORM.scale).tolist() == pytest.approx([0, 0, 1, 1])


def test_a_picture_to_be_changed_is_shown_as_it_is_or_at_the_model_s_scale() -> None:
    picture = torch.randn(1, 4, 6, 8)
    for key, wanted in (("image", picture), ("scaled_image", FORM.process_in(picture))):
        found = concat_channels((key,), {"concat_latent_image": picture}, facts(2), FORM)
        assert found is not None
        assert torch.allclose(found, wanted.expand(2, 4, 6, 8))
        blank = concat_channels((key,), {}, facts(), FORM)
        assert blank is not None
        assert not blank.any()


@pytest.mark.parametrize(
    ("there", "wanted", "chosen"),
    [
        (2, 5, [0, 0, 1, 1, 1]),
        (5, 2, [0, 4]),
        (5, 1, [0]),
        (4, 3, [0, 2, 3]),
        (3, 3, [0, 1, 2]),
    ],
)
def test_a_batch_is_spread_evenly_over_another(there: int, wanted: int, chosen: list[int]) -> None:
    assert resample_batch(torch.arange(there), wanted).tolist() == chosen


def test_a_picture_is_grey_where_the_mask_rounds_to_1_and_cut_to_multiples_of_8() -> None:
    pixels = torch.full((1, 21, 36, 3), 0.9)
    pixels[:, :2], pixels[:, 18:] = 0, 0  # cut away: 21 % 8 // 2 is 2
    mask = torch.zeros(1, 21, 36)
    mask[:, :, 20:] = 1
    grey, full = grey_out(pixels, mask)
    assert grey.shape == (1, 16, 32, 3)
    assert torch.allclose(grey[:, :, :18], torch.tensor(0.9))
    assert torch.allclose(grey[:, :, 18:], torch.tensor(0.5))
    assert full.shape == (1, 1, 16, 32)


@pytest.mark.parametrize(("pictures", "masks", "made"), [(3, 2, 3), (1, 2, 2), (2, 1, 2)])
def test_pictures_and_masks_go_together_whatever_their_number(
    pictures: int, masks: int, made: int
) -> None:
    grey, _ = grey_out(torch.rand(pictures, 16, 16, 3), torch.ones(masks, 16, 16))
    assert grey.shape == (made, 16, 16, 3)


@given(st.integers(0, 9), st.integers(0, 19), st.integers(0, 19))
def test_a_grown_mask_reaches_as_far_as_was_asked(by: int, y: int, x: int) -> None:
    mask = torch.zeros(1, 1, 20, 20)
    mask[0, 0, y, x] = 1
    before, after = max(0, by - 1) // 2, by // 2
    wanted = torch.zeros(20, 20)
    wanted[max(0, y - before) : y + after + 1, max(0, x - before) : x + after + 1] = 1
    assert torch.equal(grow(mask, by)[0, 0], wanted)


def test_a_noise_mask_with_numbers_that_are_none_is_said() -> None:
    with pytest.raises(ValueError, match="noise mask holds numbers that are not finite"):
        latent_mask(torch.full((4, 4), float("inf")), torch.zeros(1, 4, 4, 4))


def test_a_soft_mask_is_rounded_before_it_grows() -> None:
    assert not grow(torch.full((1, 1, 4, 4), 0.4), 3).any()

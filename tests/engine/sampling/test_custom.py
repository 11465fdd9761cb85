"""Sampling from parts: noise, guider, sampler and sigmas, and what of them is refused."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.sampling.custom import add_noise, sample_custom
from engine.sampling.guiders import CfgGuider
from engine.sampling.latent_format import latent_format
from engine.sampling.latents import fit_latent
from engine.sampling.noise import start_noise
from engine.sampling.noises import NoNoise, SeededNoise
from engine.sampling.pipeline import Step
from engine.sampling.policy import NoiseProfile
from engine.sampling.samplers.registry import LCM_UPSCALE, sampler
from tests.engine.sampling.toy import NEGATIVE, POSITIVE, toy_model

SEEDED = SeededNoise(3)
SIGMAS = torch.tensor([10.0, 4.0, 1.5, 0.6, 0.2])


def custom(
    latent: Mapping[str, Any],
    kind: str = "sd1",
    noise: Any = SEEDED,
    sigmas: Tensor = SIGMAS,
    chosen: Any = None,
    format_name: str = "identity",
    **around: Any,
) -> tuple[dict[str, Any], dict[str, Any]]:
    model = toy_model(kind, format_name)
    guider = CfgGuider(model, POSITIVE, NEGATIVE, 5.0)
    run = chosen or sampler("euler")
    return sample_custom(model, guider, noise, run, sigmas, latent, **around)


def empty(**more: Any) -> dict[str, Any]:
    return {"samples": torch.zeros(1, 4, 6, 6), **more}


def test_both_outputs_are_copies_and_what_else_the_latent_holds_survives() -> None:
    latent = empty(batch_index=[4], note="x")
    for out in custom(latent):
        assert (out["batch_index"], out["note"]) == ([4], "x")
    assert not latent["samples"].any()


def test_the_second_output_is_the_last_prediction_in_the_graph_s_space() -> None:
    seen: list[Step] = []
    left, predicted = custom(empty(), format_name="SD15", on_step=seen.append)
    want = seen[-1].denoised / 0.18215
    torch.testing.assert_close(predicted["samples"], want)
    assert not torch.equal(left["samples"], predicted["samples"])


def test_where_the_list_ends_in_zero_both_outputs_are_one() -> None:
    left, predicted = custom(empty(), sigmas=torch.tensor([10.0, 1.0, 0.0]))
    torch.testing.assert_close(left["samples"], predicted["samples"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("sigmas", [[], [3.0]])
def test_without_a_step_the_prediction_is_what_was_left(sigmas: list[float]) -> None:
    latent = {"samples": torch.ones(1, 4, 6, 6)}
    left, predicted = custom(latent, sigmas=torch.tensor(sigmas))
    assert torch.equal(left["samples"], predicted["samples"])
    assert torch.equal(left["samples"], latent["samples"]) == (not sigmas)


class PackNoise:
    """A source of noise as packs write them."""

    seed = 9

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.asked: list[tuple[int, ...]] = []

    def generate_noise(self, input_latent: Mapping[str, Any]) -> Tensor:
        self.asked.append(tuple(input_latent["samples"].shape))
        return torch.full(self.shape, 0.5)


def test_a_pack_s_noise_is_asked_for_the_latent_that_fits_the_model() -> None:
    noise = PackNoise((1, 16, 6, 6))
    left, _ = custom(empty(), kind="flow3", format_name="SD3", noise=noise, sigmas=SIGMAS / 10)
    assert noise.asked == [(1, 16, 6, 6)]
    assert left["samples"].shape == (1, 16, 6, 6)


def test_a_pack_s_noise_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"noise has the shape \[1, 4, 5, 5\]"):
        custom(empty(), noise=PackNoise((1, 4, 5, 5)))


def test_no_noise_draws_none() -> None:
    latent = {"samples": torch.ones(1, 4, 6, 6)}
    left, _ = custom(latent, noise=NoNoise(), sigmas=torch.tensor([3.0]))
    assert torch.equal(left["samples"], latent["samples"])


def test_the_noise_profile_reaches_the_noise_a_run_starts_from() -> None:
    here = custom(empty(), sigmas=SIGMAS[:1], profile=NoiseProfile.CURRENT)[0]["samples"]
    other = custom(empty(), sigmas=SIGMAS[:1], profile=NoiseProfile.A1111)[0]["samples"]
    want = 10 * start_noise(empty()["samples"], 3, None, NoiseProfile.A1111)
    torch.testing.assert_close(other, want)
    assert not torch.equal(here, other)


@pytest.mark.parametrize(
    ("sigmas", "said"),
    [
        (torch.tensor([[3.0, 1.0]]), "no list of finite noise levels"),
        (torch.tensor([3.0, torch.nan]), "no list of finite noise levels"),
        (torch.tensor([3.0, -1.0]), "no list of finite noise levels"),
        (torch.tensor([torch.inf, 0.0]), "no list of finite noise levels"),
    ],
)
def test_sigmas_that_are_none_are_refused(sigmas: Tensor, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        custom(empty(), sigmas=sigmas)


def test_sigmas_of_another_family_are_refused() -> None:
    """A flow model has no noise above 1; the picture would be grey, and nobody would know why."""
    with pytest.raises(ValueError, match="go up to 10, and the noise of this model ends at 1"):
        custom(empty(), kind="flow3")


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (torch.zeros(4, 6, 6), r"shape \[4, 6, 6\]; this model takes \[batch, 4, height"),
        (torch.zeros(0, 4, 6, 6), r"shape \[0, 4, 6, 6\]"),
        (torch.ones(1, 16, 6, 6), "has 16 channels and this model takes 4"),
        (torch.full((1, 4, 6, 6), torch.nan), "numbers that are not finite"),
        (None, "The latent has no samples"),
    ],
)
def test_latents_that_do_not_fit_are_refused(samples: Tensor | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        custom({"samples": samples})


def test_a_picture_becomes_one_frame_of_a_model_of_videos() -> None:
    """And its empty latent is widened to the model's channels."""
    assert fit_latent(empty(), latent_format("Wan21")).shape == (1, 16, 1, 6, 6)


def test_a_sampler_that_resizes_takes_no_mask() -> None:
    masked = empty(noise_mask=torch.ones(1, 1, 48, 48))
    with pytest.raises(ValueError, match="a noise mask has no place on it"):
        custom(masked, chosen=LCM_UPSCALE.with_options(scale_ratio=2.0))


def test_added_noise_is_that_between_the_two_ends() -> None:
    latent = {"samples": torch.ones(1, 4, 6, 6), "note": "x"}
    model = toy_model("sd1", "SD15")
    out = add_noise(model, SeededNoise(3), SIGMAS, latent)
    drawn = start_noise(latent["samples"], 3)
    torch.testing.assert_close(out["samples"], 1 + drawn * 9.8 / 0.18215)
    assert out["note"] == "x"
    assert torch.equal(
        add_noise(model, SeededNoise(3), SIGMAS[:0], latent)["samples"], latent["samples"]
    )

"""Noise as other programs draw it: the numbers of a GPU, and those of diffusers' schedulers."""

from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine.sampling.noise import start_noise, step_noise
from engine.sampling.philox import cuda_randn, philox
from engine.sampling.policy import NoiseProfile
from engine.sampling.samplers.registry import sampler
from tests.engine.sampling.driven import ended
from tests.engine.sampling.toy import POSITIVE, toy_x0

Seeds = st.integers(0, 2**64 - 1)


@pytest.mark.parametrize(
    ("counter", "key", "want"),
    [
        # The known answers that its authors published with Random123.
        ("00000000 00000000 00000000 00000000", 0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", 2**64 - 1, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            "243f6a88 85a308d3 13198a2e 03707344",
            0x299F31D0A4093822,
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox_gives_the_known_answers(counter: str, key: int, want: str) -> None:
    c0, c1, c2, c3 = (np.array([int(word, 16)], dtype=np.uint32) for word in counter.split())
    assert " ".join(f"{int(word[0]):08x}" for word in philox((c0, c1, c2, c3), key)) == want


@pytest.mark.parametrize(
    ("seed", "want"),
    [
        # What torch.manual_seed and torch.randn print on any Nvidia GPU.
        (0, [-0.9247, -0.4253, -2.6438, 0.1452, -0.1209, -0.5797, -0.6229, -0.3284]),
        (42, [0.1940, 2.1614, -0.1721, 0.8491]),
    ],
)
def test_draws_are_those_of_a_gpu(seed: int, want: list[float]) -> None:
    assert cuda_randn((len(want),), seed, 0).tolist() == pytest.approx(want, abs=5e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="compares with a CUDA device")
@pytest.mark.parametrize("seed", [0, 42, 2**33 + 5])
def test_draws_are_those_of_this_gpu(seed: int) -> None:
    generator = torch.Generator("cuda").manual_seed(seed)
    for draw in range(3):
        want = torch.randn(4, 64, 64, generator=generator, device="cuda").cpu()
        assert torch.allclose(cuda_randn((4, 64, 64), seed, draw), want, atol=1e-5)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(Seeds, st.integers(1, 4))
def test_a_picture_of_the_web_ui_depends_on_its_own_seed_alone(seed: int, batch: int) -> None:
    like = torch.zeros(batch, 4, 3, 5)
    start = start_noise(like, seed, profile=NoiseProfile.A1111)
    source = step_noise(like, seed, NoiseProfile.A1111)
    steps = [source(), source()]
    for n in range(batch):
        own = (seed + n) % 2**64
        assert torch.equal(start[n], cuda_randn((4, 3, 5), own, 0))
        assert all(
            torch.equal(s[n], cuda_randn((4, 3, 5), own, i + 1)) for i, s in enumerate(steps)
        )


@settings(max_examples=20, deadline=None, derandomize=True)
@given(Seeds, st.lists(st.integers(0, 6), min_size=1, max_size=3))
def test_pictures_taken_out_of_a_batch_keep_all_their_noise(seed: int, numbers: list[int]) -> None:
    batch, taken = torch.zeros(7, 4, 2, 3), torch.zeros(len(numbers), 4, 2, 3)
    profile = NoiseProfile.A1111
    start = start_noise(taken, seed, numbers, profile)
    assert torch.equal(start, start_noise(batch, seed, None, profile)[numbers])
    steps, every = step_noise(taken, seed, profile, numbers), step_noise(batch, seed, profile)
    assert torch.equal(steps(), every()[numbers])


def test_diffusers_draws_on_where_the_start_noise_ended() -> None:
    like = torch.zeros(2, 4, 3, 5)
    one = torch.Generator().manual_seed(9)
    want = [torch.randn(like.shape, generator=one) for _ in range(3)]
    source = step_noise(like, 9, NoiseProfile.DIFFUSERS)
    assert torch.equal(start_noise(like, 9, profile=NoiseProfile.DIFFUSERS), want[0])
    assert [source().tolist(), source().tolist()] == [w.tolist() for w in want[1:]]


SD1 = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def variance_preserving(scheduler: Any) -> Tensor:
    """The sigmas that a scheduler of timesteps alone goes through."""
    kept = scheduler.alphas_cumprod[scheduler.timesteps]
    return torch.cat([((1 - kept) / kept).sqrt(), torch.zeros(1)])


@pytest.mark.parametrize(
    ("name", "scheduler", "preserving"),
    [
        ("euler_ancestral", EulerAncestralDiscreteScheduler(**SD1), False),
        ("ddpm", DDPMScheduler(**SD1, clip_sample=False), True),
        (
            "dpmpp_2m_sde",
            DPMSolverMultistepScheduler(
                **SD1, algorithm_type="sde-dpmsolver++", use_karras_sigmas=True
            ),
            True,
        ),
    ],
)
def test_a_sampler_draws_the_picture_of_its_scheduler(
    name: str, scheduler: Any, preserving: bool
) -> None:
    """`preserving`: its latents keep their variance, as those of samplers do not."""
    scheduler.set_timesteps(8)
    has_sigmas = hasattr(scheduler, "sigmas")
    sigmas = scheduler.sigmas if has_sigmas else variance_preserving(scheduler)
    shares = 1 / (1 + sigmas**2).sqrt() if preserving else torch.ones_like(sigmas)
    generator = torch.Generator().manual_seed(11)
    x = start = torch.randn(1, 4, 5, 6, generator=generator) * sigmas[0]
    for sigma, share, following, t in zip(
        sigmas, shares, shares[1:], scheduler.timesteps, strict=False
    ):
        D = toy_x0(x, torch.ones(1), sigma[None], POSITIVE[0][0])
        scheduler.scale_model_input(x, t)
        left = scheduler.step((x - D) / sigma, t, x * share, generator=generator).prev_sample
        x = left / following
    found = ended(sampler(name), sigmas, start, seed=11, profile=NoiseProfile.DIFFUSERS)
    assert torch.allclose(found, x, atol=1e-3)
    other = ended(sampler(name), sigmas, start, seed=11)
    assert (other - x).abs().max() > 0.1

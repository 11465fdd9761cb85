"""Options of guidance and of the network as functions; their numbers are the vectors' business
(groups guidance, inpaint and unet).
"""

import itertools
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from engine.sampling.blur import blur, gaussian_kernel
from engine.sampling.facts import RunFacts
from engine.sampling.guiders import CfgGuider
from engine.sampling.ksample import ksample
from engine.sampling.latent_operations import Reinhard, Sharpen
from engine.sampling.model import DiffusionModel, ModelOption
from engine.sampling.options.attention_guidance import PerturbedAttention, SelfAttentionGuidance
from engine.sampling.options.cfg import (
    CfgNorm,
    EpsilonScaling,
    RescaleCfg,
    TemporalScoreRescaling,
)
from engine.sampling.options.differential import DifferentialDiffusion
from engine.sampling.options.downscale import DeepShrink
from engine.sampling.options.frequency import FreeU, FreSca, scale_frequencies
from engine.sampling.options.hypertile import HyperTile
from engine.sampling.options.operation import OperationOnGuidance
from engine.sampling.options.projected import ProjectedGuidance, TangentialDamping
from engine.sampling.options.token_merging import TokenMerging
from engine.sampling.resume import Resume
from engine.weights.sites import Call, Site
from tests.engine.sampling.toy import MODEL_KINDS, NEGATIVE, POSITIVE, calls_of, toy_model

X = torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(0)) * 3
SIGMA = torch.tensor(2.5)


def guided(*options: ModelOption, kind: str = "sd1", cfg: float = 4.0) -> tuple[Tensor, int]:
    """The guided prediction, and how many calls it took."""
    model: DiffusionModel = toy_model(kind)
    for option in options:
        model = model.with_option(option)
    sigma = torch.tensor(0.7) if model.sampling.flow else SIGMA
    facts = RunFacts(torch.zeros_like(X), X, torch.stack([sigma, torch.zeros(())]))
    result, _ = CfgGuider(model, POSITIVE, NEGATIVE, cfg).denoiser(model, facts)(X, sigma)
    return result, len(calls_of(model))


NEUTRAL = [
    RescaleCfg(0.0),
    EpsilonScaling(1.0),
    TemporalScoreRescaling(1.0, 0.7),
    FreSca(1.0, 1.0, 3),
    ProjectedGuidance(1.0, 0.0, 0.0),
    PerturbedAttention(0.0),
]


@pytest.mark.parametrize("kind", ["sd1", "flow3"])
@pytest.mark.parametrize("option", NEUTRAL[1:], ids=lambda one: type(one).__name__)
def test_an_option_with_neutral_numbers_changes_little(option: Any, kind: str) -> None:
    result, calls = guided(option, kind=kind)
    plain, _ = guided(kind=kind)
    if isinstance(option, ProjectedGuidance):
        # By its definition it goes on from the positive prediction, not from the negative one.
        plain = plain + guided(kind=kind, cfg=1.0)[0] - guided(kind=kind, cfg=0.0)[0]
    assert torch.allclose(result, plain, atol=1e-4)
    assert calls == 1


def test_rescaling_by_nothing_is_plain_guidance() -> None:
    assert torch.allclose(guided(NEUTRAL[0])[0], guided()[0], atol=1e-4)


@given(st.floats(1.0, 30.0))
def test_the_norm_never_grows_beyond_the_positive_prediction_s(cfg: float) -> None:
    C, _ = guided(cfg=1.0)
    result, _ = guided(CfgNorm(1.0), cfg=cfg)
    assert bool((result.norm(dim=1) <= C.norm(dim=1) * (1 + 1e-5)).all())


@given(st.floats(0.1, 20.0))
def test_projected_guidance_is_never_longer_than_allowed(longest: float) -> None:
    C, _ = guided(cfg=1.0)
    result, _ = guided(ProjectedGuidance(1.0, longest, 0.0))
    lengths = torch.linalg.vector_norm(result - C, dim=(1, 2, 3))
    assert bool((lengths <= 4 * longest * (1 + 1e-4)).all())


def test_a_negative_prediction_that_was_not_made_is_not_worked_with() -> None:
    for option in (TangentialDamping(), ProjectedGuidance(0.0, 1.0, 0.5), FreSca(0.5, 2.0, 2)):
        assert torch.equal(guided(option, cfg=1.0)[0], guided(cfg=1.0)[0])


def test_at_cfg_0_there_is_no_guidance_to_bound() -> None:
    assert torch.equal(guided(ProjectedGuidance(0.5, 1.0, 0.0), cfg=0.0)[0], guided(cfg=0.0)[0])


def test_momentum_is_remembered_within_a_run_and_survives_a_break() -> None:
    kept: list[bytes] = []

    def run(before: bytes | None = None, momentum: float = -0.5) -> Tensor:
        option = ProjectedGuidance(0.5, 0.0, momentum)
        found = ksample(
            toy_model("sd1").with_option(option),
            {"samples": torch.zeros(1, 4, 6, 6)},
            seed=1,
            steps=5,
            cfg=6.0,
            sampler_name="euler_ancestral",
            scheduler="karras",
            positive=POSITIVE,
            negative=NEGATIVE,
            resume=Resume(before, lambda state: kept.append(state())),
        )
        samples: Tensor = found["samples"]
        return samples

    whole = run()
    assert torch.equal(run(), whole), "a new run begins without memories"
    assert not torch.equal(run(momentum=0.0), whole)
    for state in kept[:4]:
        assert torch.equal(run(state), whole)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 9))
def test_frequencies_that_are_all_scaled_alike_are_the_whole(h: int, w: int, cutoff: int) -> None:
    x = torch.randn(1, 2, h, w)
    assert torch.allclose(scale_frequencies(x, cutoff, 2.0, 2.0), 2 * x, atol=1e-4)


def test_perturbed_attention_costs_one_call_of_the_positive_prompt() -> None:
    assert guided(PerturbedAttention(1.0))[1] == 2


def test_self_attention_guidance_without_a_map_leaves_the_prediction() -> None:
    # The toy has no attention to be recorded.
    result, calls = guided(SelfAttentionGuidance(0.5, 2.0))
    assert torch.equal(result, guided()[0])
    assert calls == 1


def test_a_differential_mask_opens_as_the_run_goes_on() -> None:
    sampling = MODEL_KINDS["sd1"]
    sigmas = torch.tensor([10.0, 3.0, 1.0, 0.3, 0.0])
    mask = torch.linspace(0, 1, 11).view(1, 1, 1, 11)
    change = DifferentialDiffusion()
    opened = [change(mask, sigma, sigmas, sampling) for sigma in sigmas[:4]]
    assert opened[0].flatten().tolist() == [0.0] * 10 + [1.0]
    assert all(bool((a <= b).all()) for a, b in itertools.pairwise(opened))
    half = DifferentialDiffusion(0.5)(mask, sigmas[1], sigmas, sampling)
    assert torch.allclose(half, (opened[1] + mask) / 2)


# Options that act inside a network, on plain tensors.
def site(height: int = 8, width: int = 8, **options: Any) -> Site:
    draws = torch.Generator().manual_seed(3)
    call = Call(torch.tensor([1.0]), torch.tensor([1.0, 0.0]), (0,), draws)
    found = Site(call, "input", 1, (height, width), (height, width), 32, heads=2)
    return replace(found, **options)


def tokens(height: int = 8, width: int = 8, batch: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(4)
    return torch.randn(batch, height * width, 6, generator=generator)


@given(st.integers(2, 9), st.integers(2, 9), st.floats(0.05, 1.0))
def test_merged_tokens_that_are_alike_come_back_as_they_were(h: int, w: int, ratio: float) -> None:
    seen: list[int] = []

    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        seen.append(q.shape[1])
        assert k.shape[1] == h * w
        return q

    same = torch.ones(1, h * w, 6)
    assert torch.allclose(TokenMerging(ratio)(attend, same, same, same, site(h, w)), same)
    left = (h // 2) * (w // 2)
    assert seen == [max(left, h * w - int(h * w * ratio))]


def test_tokens_that_are_not_merged_keep_their_places() -> None:
    x = tokens(batch=2)
    out = TokenMerging(0.25)(lambda q, k, v: q, x, x, x, site())
    assert int((out == x).all(-1).sum()) >= 2 * (64 - 2 * 16)


def test_tokens_are_merged_at_full_resolution_only() -> None:
    x = tokens(4, 4)
    smaller = site(size=(4, 4))
    assert torch.equal(TokenMerging(0.5)(lambda q, k, v: q, x, x, x, smaller), x)


@given(st.sampled_from([(8, 8), (16, 8), (8, 24), (12, 20)]), st.integers(1, 4))
def test_tiles_are_put_together_as_they_were_cut(size: tuple[int, int], swap: int) -> None:
    x = tokens(*size, batch=2)
    option = HyperTile(32, swap, 0, scale_depth=False)
    assert torch.equal(option(lambda q, k, v: q, x, x, x, site(*size)), x)


def test_each_tile_sees_the_run_of_tokens_with_its_number() -> None:
    x = tokens(8, 8)

    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        assert q.shape == k.shape == (4, 16, 6)
        assert torch.equal(k.reshape(1, 64, 6), x)
        return q

    HyperTile(32, 1, 0, scale_depth=False)(attend, x, x, x, site())


def test_attention_of_another_size_is_not_tiled() -> None:
    x = tokens(4, 4)
    option = HyperTile(32, 1, 0, scale_depth=False)
    assert torch.equal(option(lambda q, k, v: q, x, x, x, site(size=(4, 4))), x)


def test_freeu_with_ones_changes_nothing_and_other_widths_are_left_alone() -> None:
    h, skip = torch.randn(1, 128, 4, 4), torch.randn(1, 32, 4, 4)
    same, also = FreeU(1.0, 1.0, 1.0, 1.0)(h, skip, site())
    assert torch.allclose(same, h, atol=1e-5)
    assert torch.allclose(also, skip, atol=1e-5)
    other = torch.randn(1, 96, 4, 4)
    assert FreeU(2.0, 2.0, 0.0, 0.0)(other, skip, site()) == (other, skip)


def test_freeu_on_features_that_are_the_same_everywhere_stays_finite() -> None:
    h, skip = torch.ones(1, 128, 4, 4), torch.ones(1, 32, 4, 4)
    changed, _ = FreeU(1.3, 1.4, 0.9, 0.2, scaled=True)(h, skip, site())
    assert bool(changed.isfinite().all())


def test_deep_shrink_makes_a_block_smaller_in_its_part_of_the_run_and_grows_it_again() -> None:
    option = DeepShrink(3, 2.0, 0.0, 0.35, True, "bicubic", "bilinear")
    patches = toy_model("sd1").with_option(option).hooks.patches
    (shrink,), (grow,) = patches.input_blocks_after_skip, patches.output_blocks
    h = torch.randn(1, 8, 9, 12)
    call = Call(torch.tensor([10.0]), torch.tensor([10.0, 0.0]))
    early, late = site(call=call, number=3), site(number=3)
    assert shrink(h, early).shape == (1, 8, 4, 6)
    assert shrink(h, late) is h
    assert shrink(h, replace(early, number=2)) is h
    bigger, skip = grow(shrink(h, early), h, early)
    assert bigger.shape == skip.shape
    assert grow(h, h, early) == (h, h)


def test_tone_mapping_shortens_and_keeps_directions() -> None:
    z = torch.randn(2, 4, 6, 6)
    mapped = Reinhard(1.0)(z)
    assert bool((mapped.norm(dim=1) < z.norm(dim=1)).all())
    assert torch.allclose(
        mapped / mapped.norm(dim=1, keepdim=True), z / z.norm(dim=1, keepdim=True), atol=1e-5
    )


def test_sharpening_by_nothing_changes_nothing() -> None:
    z = torch.randn(2, 4, 6, 6)
    assert torch.allclose(Sharpen(3, 1.0, 0.0)(z), z, atol=1e-4)


def test_a_latent_too_small_for_a_radius_is_said() -> None:
    with pytest.raises(ValueError, match="too small for a radius of 9"):
        guided(OperationOnGuidance(Sharpen(9, 1.0, 0.1)))


def test_a_blur_keeps_what_is_the_same_everywhere() -> None:
    x = torch.full((1, 2, 9, 9), 3.0)
    assert torch.allclose(blur(x, gaussian_kernel(torch.arange(-2.0, 3.0), 1.0)), x)

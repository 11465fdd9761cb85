"""What a KSampler node may rely on: its outputs, callbacks, cancelling, and its refusals."""

import threading
from typing import Any

import pytest
import torch

from engine.sampling.ksample import SAMPLERS, Step, ksample
from engine.sampling.noise import start_noise
from engine.sampling.options.levels import NoiseHabit
from engine.sampling.policy import NoiseProfile
from engine.sampling.schedulers import ksampler_sigmas
from tests.engine.sampling.toy import (
    MODEL_KINDS,
    NEGATIVE,
    POSITIVE,
    NetworkToy,
    calls_of,
    conditioning,
    toy_model,
)

DEFAULTS: dict[str, Any] = {
    "seed": 3,
    "steps": 4,
    "cfg": 5.0,
    "sampler_name": "euler",
    "scheduler": "normal",
    "positive": POSITIVE,
    "negative": NEGATIVE,
}


def sample(latent: Any, **options: Any) -> Any:
    return ksample(toy_model("sd1", "SD15"), latent, **{**DEFAULTS, **options})


def empty(batch: int = 1, h: int = 6, w: int = 6, **more: Any) -> dict[str, Any]:
    return {"samples": torch.zeros(batch, 4, h, w), **more}


def test_the_latent_is_copied_and_what_else_it_holds_survives() -> None:
    mask = torch.ones(1, 1, 48, 48)
    latent = {**empty(), "noise_mask": mask, "batch_index": [5]}
    out = sample(latent)
    assert out["noise_mask"] is mask
    assert out["batch_index"] == [5]
    assert not latent["samples"].any()
    assert out["samples"].any()
    assert out["samples"].dtype == torch.float32


def test_the_same_seed_gives_the_same_latent_whatever_runs_beside_it() -> None:
    want = sample(empty(), sampler_name="euler_ancestral")["samples"]
    results: list[torch.Tensor] = []

    def work() -> None:
        results.append(sample(empty(), sampler_name="euler_ancestral")["samples"])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert all(torch.equal(result, want) for result in results)


def test_the_noise_profile_changes_ancestral_samplers_only() -> None:
    for name, same in (("euler", True), ("euler_ancestral", False)):
        now, then = (
            sample(empty(), sampler_name=name, profile=profile)["samples"]
            for profile in (NoiseProfile.CURRENT, NoiseProfile.V0_3)
        )
        assert torch.equal(now, then) is same


def test_a_model_s_own_noise_profile_goes_before_the_worker_s() -> None:
    model = toy_model("sd1").with_option(NoiseHabit(NoiseProfile.V0_3))
    options = {**DEFAULTS, "sampler_name": "euler_ancestral"}
    found = [
        ksample(model, empty(), **options, profile=profile)["samples"] for profile in NoiseProfile
    ]
    assert all(torch.equal(one, found[0]) for one in found)
    old = sample(empty(), sampler_name="euler_ancestral", profile=NoiseProfile.V0_3)["samples"]
    torch.testing.assert_close(found[0] / 0.18215, old, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("profile", NoiseProfile)
@pytest.mark.parametrize("name", ["euler", "euler_ancestral", "dpmpp_2m_sde", "ddim"])
def test_the_last_seed_there_is_works_in_every_profile(name: str, profile: NoiseProfile) -> None:
    """Spec section 14, fixed: the reference counts one further for ddim, and fails."""
    latent = empty(noise_mask=torch.ones(1, 1, 6, 6))
    out = sample(latent, sampler_name=name, profile=profile, seed=2**64 - 1)
    assert bool(out["samples"].isfinite().all())


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_step_is_reported_once_with_prediction_and_state(name: str) -> None:
    seen: list[Step] = []
    sample(empty(), sampler_name=name, on_step=seen.append)
    assert [step.index for step in seen] == list(range(len(seen)))
    # Some samplers make fewer steps than sigmas, or find out on the way how many.
    assert seen[-1].total == len(seen)
    assert len(seen) == 4 or name in {"dpm_fast", "dpm_adaptive"}
    assert all(step.denoised.shape == step.x.shape == (1, 4, 6, 6) for step in seen)


def test_what_on_step_raises_ends_the_run_within_that_step() -> None:
    class Stopped(Exception):
        pass

    def stop(step: Step) -> None:
        if step.index == 1:
            raise Stopped

    model = toy_model("sd1")
    with pytest.raises(Stopped):
        ksample(model, empty(), **DEFAULTS, on_step=stop)
    assert len(calls_of(model)) == 2


def test_cfg_1_never_asks_for_the_negative_prompt_unless_the_sampler_needs_it() -> None:
    for name, batch in (("euler", 1), ("euler_cfg_pp", 2)):
        model = toy_model("sd1")
        options = {**DEFAULTS, "cfg": 1.0, "sampler_name": name}
        ksample(model, empty(), **options)
        assert {shape[0] for _, shape, _ in calls_of(model)} == {batch}


def test_denoise_0_gives_the_latent_back_unchanged() -> None:
    latent = {"samples": torch.randn(1, 4, 6, 6)}
    model = toy_model("sd1", "SD15")
    out = ksample(model, latent, **DEFAULTS, denoise=0.0)
    assert torch.equal(out["samples"], latent["samples"])
    assert calls_of(model) == []


@pytest.mark.parametrize("name", ["euler_ancestral", "dpmpp_2m", "lcm", "lms"])
def test_what_a_mask_keeps_is_kept_to_the_last_digit_float32_has(name: str) -> None:
    original = torch.randn(1, 4, 6, 6, generator=torch.Generator().manual_seed(1))
    mask = torch.zeros(6, 6)
    mask[:, 3:] = 1
    out = sample({"samples": original, "noise_mask": mask}, sampler_name=name, denoise=0.7)
    kept, drawn = out["samples"][..., :3], out["samples"][..., 3:]
    torch.testing.assert_close(kept, original[..., :3], rtol=1e-6, atol=1e-6)
    assert (drawn - original[..., 3:]).abs().mean() > 0.1


def test_a_network_is_sampled_like_the_model_it_is() -> None:
    network = NetworkToy(MODEL_KINDS["sd1"], [])
    seen: list[Step] = []
    out = ksample(network, empty(), **DEFAULTS, on_step=seen.append)
    assert len(seen) == len(network.calls) == 4
    # SD1's scale, between the model's space and the graph's.
    last = seen[-1].denoised
    torch.testing.assert_close(out["samples"], last / 0.18215, rtol=1e-4, atol=1e-4)


def test_prompts_of_another_family_are_refused_before_anything_runs() -> None:
    network = NetworkToy(MODEL_KINDS["sd1"], [])
    wide = [[torch.zeros(1, 77, 768), {}]]
    with pytest.raises(
        ValueError, match="negative conditioning is 768 wide and this model takes 2"
    ):
        ksample(network, empty(), **{**DEFAULTS, "negative": wide})
    assert network.calls == []


def test_unknown_names_are_refused_with_a_list_of_those_there_are() -> None:
    with pytest.raises(ValueError, match=r'no sampler called "eular".*euler_ancestral'):
        sample(empty(), sampler_name="eular")
    with pytest.raises(ValueError, match=r'no scheduler called "norma".*normal'):
        sample(empty(), scheduler="norma")


def test_latents_that_do_not_fit_are_refused_and_empty_ones_are_widened() -> None:
    flow = toy_model("flow3", "SD3")
    out = ksample(flow, empty(), **DEFAULTS)
    assert out["samples"].shape == (1, 16, 6, 6)
    with pytest.raises(ValueError, match="has 4 channels and this model takes 16"):
        ksample(flow, {"samples": torch.ones(1, 4, 6, 6)}, **DEFAULTS)
    with pytest.raises(ValueError, match="Empty Latent Image"):
        sample({"samples": torch.zeros(4, 6, 6)})


def test_conditioning_that_is_not_understood_is_named_and_not_ignored() -> None:
    boxes = [[POSITIVE[0][0], {"gligen": ("position", None, []), "pooled_output": None}]]
    with pytest.raises(ValueError, match="gligen"):
        sample(empty(), positive=boxes)


def test_a_prompt_of_another_length_shares_the_call_or_gets_its_own() -> None:
    """Up to four times the shorter one is repeated in one batch; beyond, it is another call."""
    for tokens, calls in ((4, 4), (10, 8)):
        model = toy_model("sd1")
        longer = conditioning([[1.0, 0.3]] * tokens)
        ksample(model, empty(), **{**DEFAULTS, "positive": longer})
        assert len(calls_of(model)) == calls


def test_a_prompt_pair_is_one_batch_with_the_negative_first() -> None:
    """Packs count on this order; it is what they see as cond_or_uncond [1, 0]."""
    asked: list[torch.Tensor] = []

    class Watched(NetworkToy):
        def __call__(
            self, x: torch.Tensor, timestep: torch.Tensor, context: torch.Tensor, **more: Any
        ) -> torch.Tensor:
            asked.append(context)
            return super().__call__(x, timestep, context, **more)

    ksample(Watched(MODEL_KINDS["sd1"], []), empty(batch=2), **DEFAULTS)
    want = torch.cat([NEGATIVE[0][0]] * 2 + [POSITIVE[0][0]] * 2)
    assert len(asked) == 4
    assert all(torch.equal(context, want) for context in asked)


@pytest.mark.parametrize(("value", "moved"), [(0.0, False), (1.0, True)])
def test_an_empty_latent_stays_zero_and_a_full_one_is_brought_to_the_models_space(
    value: float, moved: bool
) -> None:
    seen: list[Step] = []
    samples = torch.full((1, 16, 4, 4), value)
    options = {**DEFAULTS, "denoise": 0.5, "on_step": seen.append}
    ksample(toy_model("flow3", "SD3"), {"samples": samples}, **options)
    model = toy_model("flow3", "SD3")
    sigma = ksampler_sigmas(model.sampling.levels, "normal", 4, denoise=0.5)[0]
    latent = (samples - 0.0609) * 1.5305 if moved else samples
    want = sigma * start_noise(samples, DEFAULTS["seed"]) + (1 - sigma) * latent
    torch.testing.assert_close(seen[0].x, want)

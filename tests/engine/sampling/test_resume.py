"""A sampling that was cut off goes on to the very same latent, or starts anew and says why."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load

from engine.sampling.inputs import Inputs
from engine.sampling.ksample import SAMPLERS, Resume, ksample
from engine.sampling.noise import step_noise
from engine.sampling.options.projected import ProjectedGuidance
from engine.sampling.policy import NoiseProfile
from engine.sampling.resume import MARK
from engine.sampling.samplers.registry import sampler
from tests.engine.sampling.attempts import STEPS, Attempts, Sample, toy_options, toy_sample
from tests.engine.sampling.golden import golden_tensors
from tests.engine.sampling.networks import tiny_unet
from tests.engine.sampling.toy import DirectToy, calls_of, toy_model
from tests.support import vectors


def check_every_cut(sample: Sample, name: str) -> None:
    """Whole, and resumed from each state that was kept: the same bits."""
    attempts = Attempts()
    whole = sample(attempts.resume())
    # A sampler that chooses its steps does not know which is the last one.
    steps = sampler(name).count(STEPS)
    assert len(attempts.states) == steps - 1 if steps else attempts.states
    for kept in list(attempts.states):
        assert torch.equal(sample(attempts.resume(kept)), whole)
    assert attempts.notes == []


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("kind", ["sd1", "v", "flow3"])
def test_cut_at_any_step_a_sampler_gives_the_same_latent(name: str, kind: str) -> None:
    check_every_cut(lambda resume: toy_sample(resume, kind, sampler_name=name), name)


@pytest.fixture(scope="module")
def unet() -> Any:
    config = json.loads(vectors("sampling", "unet.json").read_text())["models"]["sd1"]
    heads = config["ldm_config"]["num_heads"]
    return tiny_unet(vectors("sampling", "tiny_unet_sd1.safetensors"), heads=heads)


@pytest.mark.vectors
@pytest.mark.parametrize("name", SAMPLERS)
def test_cut_at_any_step_a_network_draws_the_same_picture(unet: Any, name: str) -> None:
    context = golden_tensors("sampling", "unet.safetensors")["sampling/context_pos_neg"]
    positive, negative = torch.split(context, 1)
    prompts = {"positive": [[positive, {}]], "negative": [[negative, {}]]}
    latent = {"samples": torch.zeros(1, 4, 8, 8)}
    # As a worker calls nodes.
    with torch.inference_mode():
        check_every_cut(
            lambda resume: ksample(
                unet, latent, **toy_options(sampler_name=name, **prompts), resume=resume
            )["samples"],
            name,
        )


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(SAMPLERS),
    scheduler=st.sampled_from(["normal", "karras", "beta", "sgm_uniform"]),
    profile=st.sampled_from(list(NoiseProfile)),
    seed=st.integers(0, 2**64 - 1),
    batch=st.integers(1, 2),
    height=st.integers(1, 5),  # few numbers are drawn by another algorithm than many
    masked=st.booleans(),
    denoise=st.sampled_from([0.4, 1.0]),
)
def test_whatever_is_asked_for_cuts_do_not_show(
    name: str,
    scheduler: str,
    profile: NoiseProfile,
    seed: int,
    batch: int,
    height: int,
    masked: bool,
    denoise: float,
) -> None:
    generator = torch.Generator().manual_seed(1)
    latent = {"samples": torch.randn(batch, 4, height, 3, generator=generator)}
    if masked:
        latent["noise_mask"] = torch.rand(1, height, 3, generator=generator)
    check_every_cut(
        lambda resume: toy_sample(
            resume,
            latent=latent,
            sampler_name=name,
            scheduler=scheduler,
            profile=profile,
            seed=seed,
            denoise=denoise,
        ),
        name,
    )


class Dicey:
    """A toy whose predictions also depend on numbers that are drawn inside the model."""

    def __init__(self) -> None:
        self.toy = DirectToy(False, [])

    def __call__(
        self, x: torch.Tensor, sigma: torch.Tensor, context: torch.Tensor, inputs: Inputs
    ) -> torch.Tensor:
        assert inputs.call is not None
        thrown = torch.randn(x.shape, generator=inputs.call.draws)
        return self.toy(x, sigma, context, inputs) + 0.01 * thrown


def test_what_options_remember_and_draw_goes_on_too() -> None:
    """Guidance with momentum remembers the step before; token merging and tiles throw dice."""
    momentum = ProjectedGuidance(eta=0.8, norm_threshold=5.0, momentum=-0.6)

    def sample(resume: Resume) -> torch.Tensor:
        model = replace(toy_model("sd1"), predict=Dicey()).with_option(momentum)
        latent = {"samples": torch.zeros(1, 4, 5, 7), "batch_index": [2]}
        samples: torch.Tensor = ksample(model, latent, **toy_options(), resume=resume)["samples"]
        return samples

    check_every_cut(sample, "euler_ancestral")


def test_steps_that_were_kept_are_not_made_again() -> None:
    attempts = Attempts()
    toy_sample(attempts.resume())
    model, reported = toy_model("sd1"), []
    ksample(
        model,
        {"samples": torch.zeros(1, 4, 5, 7)},
        **toy_options(),
        resume=attempts.resume(attempts.states[3]),
        on_step=lambda step: reported.append(step.index),
    )
    assert len(calls_of(model)) == STEPS - 4
    assert reported == [4, 5]


def test_a_resumed_run_can_be_cut_off_and_resumed_again() -> None:
    first, second = Attempts(), Attempts()
    whole = toy_sample(first.resume(), sampler_name="ipndm")
    toy_sample(second.resume(first.states[0]), sampler_name="ipndm")
    assert len(second.states) == STEPS - 2
    assert torch.equal(toy_sample(second.resume(second.states[-1]), sampler_name="ipndm"), whole)


def test_states_that_nobody_takes_are_never_made() -> None:
    offered: list[Callable[[], bytes]] = []
    toy_sample(Resume(None, offered.append))
    assert len(offered) == STEPS - 1


def test_a_run_without_steps_has_no_states() -> None:
    attempts = Attempts()
    latent = {"samples": torch.ones(1, 4, 5, 7)}
    out = toy_sample(attempts.resume(), latent=latent, denoise=0.0)
    assert torch.equal(out, latent["samples"])
    assert attempts.states == []


def test_a_state_holds_data_only() -> None:
    attempts = Attempts()
    toy_sample(attempts.resume(), sampler_name="lms")
    tensors = load(attempts.states[-1][len(MARK) + 32 :])
    history = {f"history.{n}" for n in range(4)}
    assert tensors.keys() == {"x", "numbers", "noise", "draws"} | history
    assert all(tensors[name].shape == (1, 4, 5, 7) for name in {"x"} | history)


def test_noise_goes_on_from_where_it_stood() -> None:
    like = torch.zeros(1, 4, 3, 1)
    for drawn in range(4):
        noise = step_noise(like, 7, NoiseProfile.CURRENT)
        for _ in range(drawn):
            noise()
        state = noise.state()
        other = step_noise(like, 8, NoiseProfile.CURRENT)
        other.restore(state)
        assert torch.equal(other(), noise())

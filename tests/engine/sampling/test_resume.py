"""A sampling that was cut off goes on to the very same latent, or starts anew and says why."""

import json
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save

from engine.sampling.ksample import SAMPLERS, Resume, ksample
from engine.sampling.noise import NoiseProfile, step_noise
from engine.sampling.resume import MARK
from tests.engine.sampling.golden import golden_tensors
from tests.engine.sampling.networks import tiny_unet
from tests.engine.sampling.toy import NEGATIVE, POSITIVE, calls_of, toy_model
from tests.support import vectors

STEPS = 6
Sample = Callable[[Resume], torch.Tensor]


class Attempts:
    """What runs kept and noted."""

    def __init__(self) -> None:
        self.states: list[bytes] = []
        self.notes: list[str] = []

    def resume(self, kept: bytes | None = None) -> Resume:
        return Resume(kept, lambda make: self.states.append(make()), self.notes.append)


def toy_options(**options: Any) -> dict[str, Any]:
    return {
        "seed": 3,
        "steps": STEPS,
        "cfg": 5.0,
        "sampler_name": "euler_ancestral",
        "scheduler": "karras",
        "positive": POSITIVE,
        "negative": NEGATIVE,
        **options,
    }


def toy_sample(
    resume: Resume, kind: str = "sd1", latent: Any = None, **options: Any
) -> torch.Tensor:
    start = latent or {"samples": torch.zeros(1, 4, 5, 7)}
    out = ksample(toy_model(kind), start, **toy_options(**options), resume=resume)
    samples: torch.Tensor = out["samples"]
    return samples


def check_every_cut(sample: Sample) -> None:
    """Whole, and resumed from each state that was kept: the same bits."""
    attempts = Attempts()
    whole = sample(attempts.resume())
    assert len(attempts.states) == STEPS - 1
    for kept in list(attempts.states):
        assert torch.equal(sample(attempts.resume(kept)), whole)
    assert attempts.notes == []


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("kind", ["sd1", "v", "flow3"])
def test_cut_at_any_step_a_sampler_gives_the_same_latent(name: str, kind: str) -> None:
    check_every_cut(lambda resume: toy_sample(resume, kind, sampler_name=name))


@pytest.fixture(scope="module")
def unet() -> Any:
    config = json.loads(vectors("sampling", "unet.json").read_text())["models"]["sd1"]
    heads = config["ldm_config"]["num_heads"]
    return tiny_unet(vectors("sampling", "tiny_unet_sd1.safetensors"), heads)


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
            )["samples"]
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
        )
    )


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
    assert tensors.keys() == {"x", "noise"} | history
    assert all(tensors[name].shape == (1, 4, 5, 7) for name in {"x"} | history)


def refused(state: bytes, **options: Any) -> str:
    """The note about a state that must not be used; the run must be as if there were none."""
    attempts = Attempts()
    out = toy_sample(attempts.resume(state), **options)
    assert torch.equal(out, toy_sample(Resume(), **options))
    (note,) = attempts.notes
    assert note.startswith("What was kept of the interrupted sampling ")
    assert note.endswith("; it starts anew.")
    return note


def kept_state() -> bytes:
    attempts = Attempts()
    toy_sample(attempts.resume())
    return attempts.states[2]


@pytest.mark.parametrize(
    ("options", "other"),
    [
        ({"seed": 4}, "start, seed"),
        ({"sampler_name": "euler"}, "sampler"),
        ({"scheduler": "normal"}, "start"),
        ({"steps": 9}, "start"),
        ({"profile": NoiseProfile.V0_3}, "noise profile"),
        ({"latent": {"samples": torch.zeros(2, 4, 5, 7)}}, "start"),
        ({"latent": {"samples": torch.zeros(1, 4, 7, 5)}}, "start"),
        ({"denoise": 0.5, "latent": {"samples": torch.ones(1, 4, 5, 7)}}, "start"),
    ],
)
def test_the_state_of_another_run_is_not_used(options: dict[str, Any], other: str) -> None:
    assert f"belongs to another run (other {other})" in refused(kept_state(), **options)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_state_with_a_wrong_bit_is_not_used(at: float, bit: int) -> None:
    state = bytearray(kept_state())
    state[int(at * len(state))] ^= 1 << bit
    note = refused(bytes(state))
    assert "is damaged" in note or "another version" in note


@settings(max_examples=40, deadline=None, derandomize=True)
@given(share=st.floats(0, 1, exclude_max=True))
def test_half_a_state_is_not_used(share: float) -> None:
    state = kept_state()
    refused(state[: int(share * len(state))])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.binary(max_size=200))
def test_foreign_bytes_are_not_used(data: bytes) -> None:
    refused(data)
    refused(signed(data))


def signed(body: bytes) -> bytes:
    """`body` as if we had written it."""
    return MARK + blake2b(body, digest_size=32).digest() + body


def forged(change: Callable[[dict[str, torch.Tensor], dict[str, str]], None]) -> bytes:
    """A well-formed state of this very run, with something in it that cannot be."""
    body = kept_state()[len(MARK) + 32 :]
    length = int.from_bytes(body[:8], "little")
    texts = json.loads(body[8 : 8 + length])["__metadata__"]
    tensors = load(body)
    change(tensors, texts)
    return signed(save(tensors, texts))


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors, texts: tensors.pop("x"),
        lambda tensors, texts: tensors.pop("noise"),
        lambda tensors, texts: tensors.update(x=torch.zeros(1, 4, 5, 8)),
        lambda tensors, texts: tensors.update(x=torch.zeros(1, 4, 5, 7, dtype=torch.float64)),
        lambda tensors, texts: tensors.update({"history.1": torch.zeros(1, 4, 5, 7)}),
        lambda tensors, texts: tensors.update({"history.0": torch.zeros(3)}),
        lambda tensors, texts: tensors.update(noise=torch.zeros(16, dtype=torch.uint8)),
        lambda tensors, texts: tensors.update(noise=torch.zeros(5056)),
        lambda tensors, texts: texts.pop("step"),
        lambda tensors, texts: texts.update(step="0"),
        lambda tensors, texts: texts.update(step=str(STEPS)),
        lambda tensors, texts: texts.update(step="-1"),
        lambda tensors, texts: texts.update(step="many"),
    ],
)
def test_a_forged_state_is_not_used(change: Any) -> None:
    assert "does not hold what a state holds" in refused(forged(change))


def test_a_forgery_that_changes_nothing_is_used() -> None:
    """Otherwise the test above would pass for another reason."""
    attempts = Attempts()
    state = forged(lambda tensors, texts: None)
    assert torch.equal(toy_sample(attempts.resume(state)), toy_sample(Resume()))
    assert attempts.notes == []


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

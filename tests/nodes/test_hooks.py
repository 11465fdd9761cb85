"""LoRAs on prompts: the same picture as with the LoRA on the model, wherever it acts."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.files.folders import Folders
from engine.lora.patcher import LoraPatcher
from engine.sampling.lora_hooks import Keyframe, LoraHook
from engine.sampling.policy import SamplingPolicy
from engine.weights.choices import Choices
from engine.weights.handles import Clip, LoraPatch, Model, WeightsFile
from engine.weights.residency import Residency
from nodes.hooks import (
    combine_hooks_4,
    conditioning_timesteps_range,
    create_hook_keyframe,
    create_hook_keyframes_from_floats,
    create_hook_keyframes_interpolated,
    create_hook_lora,
    create_hook_lora_model_only,
    set_clip_hooks,
    set_hook_keyframes,
)
from nodes.properties import conditioning_set_properties
from nodes.sampling import k_sampler
from nodes.text import clip_text_encode
from tests.engine.lora.tiny_lora import TEXT as TEXT_STEM
from tests.engine.lora.tiny_lora import tiny_lora
from tests.engine.weights.tiny import TEXT, UNET, tiny_checkpoint
from tests.nodes.run import LocalRun


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("base")
    loras = base / "models" / "loras"
    loras.mkdir(parents=True)
    tiny_checkpoint(base / "tiny.safetensors", UNET, TEXT)
    tiny_lora(loras / "a.safetensors")
    tiny_lora(loras / "text.safetensors", TEXT_STEM)
    return base


@pytest.fixture
def run(folder: Path) -> LocalRun:
    services = {
        Residency: Residency(Choices(), LoraPatcher()),
        SamplingPolicy: SamplingPolicy(),
    }
    return LocalRun(Folders(folder), services)


@pytest.fixture
def checkpoint(folder: Path) -> WeightsFile:
    return WeightsFile.of(folder / "tiny.safetensors")


def prompt(seed: int) -> list[list[Any]]:
    return [[torch.randn(1, 77, 64, generator=torch.Generator().manual_seed(seed)), {}]]


def sample(run: LocalRun, model: Model, positive: Any, negative: Any, **options: Any) -> Tensor:
    inputs = {
        "seed": 5,
        "steps": 4,
        "cfg": 6.0,
        "sampler_name": "euler",
        "scheduler": "normal",
        "latent_image": {"samples": torch.zeros(1, 4, 4, 4)},
        **options,
    }
    with torch.inference_mode():
        found = k_sampler(run=run, model=model, positive=positive, negative=negative, **inputs)
    samples: Tensor = found["samples"]
    return samples


def hooked(prompt: Any, hooks: Any, **options: Any) -> Any:
    return conditioning_set_properties(
        cond_NEW=prompt, hooks=hooks, set_cond_area="default", **options
    )


def test_a_hook_on_all_prompts_is_the_lora_on_the_model(
    run: LocalRun, checkpoint: WeightsFile
) -> None:
    hooks = create_hook_lora_model_only(run=run, lora_name="a.safetensors", strength_model=0.8)
    model = Model(checkpoint)
    found = sample(run, model, hooked(prompt(1), hooks), hooked(prompt(2), hooks))
    patched = model.patched(LoraPatch(hooks[0].file, 0.8))
    assert torch.equal(found, sample(run, patched, prompt(1), prompt(2)))
    (told,) = run.shown["lora"]  # once, however many steps
    assert (told["name"], told["modules"]) == ("a.safetensors", 4)
    assert (told["matched_model"], told["matched_clip"]) == (3, 0)


def test_a_hook_acts_through_its_own_prompt_alone(run: LocalRun, checkpoint: WeightsFile) -> None:
    hooks = create_hook_lora(run=run, lora_name="a.safetensors")
    model = Model(checkpoint)
    plain = sample(run, model, prompt(1), prompt(2))
    on_negative = sample(run, model, prompt(1), hooked(prompt(2), hooks))
    assert not torch.equal(on_negative, plain)
    # At cfg 1 the negative prompt is not evaluated, nor are the weights changed for it.
    alone = sample(run, model, prompt(1), hooked(prompt(2), hooks), cfg=1.0)
    assert torch.equal(alone, sample(run, model, prompt(1), prompt(2), cfg=1.0))


def test_a_schedule_is_each_strength_in_its_part_of_the_run(
    run: LocalRun, checkpoint: WeightsFile
) -> None:
    hooks = create_hook_lora(run=run, lora_name="a.safetensors", strength_model=0.5)
    keys = create_hook_keyframe(strength_mult=2.0, start_percent=0.0)
    keys = create_hook_keyframe(strength_mult=0.0, start_percent=0.3, prev_hook_kf=keys)
    scheduled = set_hook_keyframes(hooks=hooks, hook_kf=keys)
    model = Model(checkpoint)
    found = sample(run, model, hooked(prompt(1), scheduled), hooked(prompt(2), scheduled))
    # The same by hand: prompts whose hooks act, or are not there, in a part of the run only.
    full = create_hook_lora(run=run, lora_name="a.safetensors", strength_model=1.0)
    early, _, _ = conditioning_timesteps_range(start_percent=0.0, end_percent=0.3)
    _, _, late = conditioning_timesteps_range(start_percent=0.0, end_percent=0.3001)

    def by_hand(prompt: Any) -> Any:
        first = hooked(prompt, full, timesteps=early)
        return first + hooked(prompt, None, timesteps=late)

    assert torch.equal(found, sample(run, model, by_hand(prompt(1)), by_hand(prompt(2))))


def test_leaving_a_hook_leaves_the_bytes_of_a_network_that_never_had_it(
    run: LocalRun, checkpoint: WeightsFile
) -> None:
    hooks = create_hook_lora(run=run, lora_name="a.safetensors")
    model = Model(checkpoint)
    before = sample(run, model, prompt(1), prompt(2))
    sample(run, model, hooked(prompt(1), hooks), prompt(2))
    assert torch.equal(sample(run, model, prompt(1), prompt(2)), before)


def test_a_lora_that_fits_nothing_is_a_warning(run: LocalRun, checkpoint: WeightsFile) -> None:
    hooks = create_hook_lora(run=run, lora_name="text.safetensors")
    sample(run, Model(checkpoint), hooked(prompt(1), hooks), prompt(2))
    (warning,) = run.shown["warnings"]
    assert "text.safetensors" in warning


def test_a_hook_without_strengths_is_none_and_its_file_is_not_looked_for(run: LocalRun) -> None:
    other = (LoraHook(WeightsFile("b", 1, 1), 1.0, 1.0),)
    options = {"strength_model": 0.0, "strength_clip": 0.0}
    assert create_hook_lora(run=run, lora_name="none", prev_hooks=other, **options) == other


def test_hooks_on_the_text_encoder_encode_as_a_lora_on_it_does(
    run: LocalRun, checkpoint: WeightsFile
) -> None:
    hooks = create_hook_lora(run=run, lora_name="a.safetensors", strength_clip=0.7)
    clip = set_clip_hooks(run=run, clip=Clip(checkpoint), hooks=hooks)
    ((cond, options),) = clip_text_encode(run=run, text="a cat", clip=clip)
    lora = Clip(checkpoint).patched(LoraPatch(hooks[0].file, 0.7))
    ((wanted, _),) = clip_text_encode(run=run, text="a cat", clip=lora)
    assert torch.equal(cond, wanted)
    assert options["hooks"] == hooks


def test_a_scheduled_text_encoder_gives_an_entry_for_each_part_of_the_run(
    run: LocalRun, checkpoint: WeightsFile
) -> None:
    keys = create_hook_keyframes_from_floats(
        run=run, floats_strength=[1.0, 0.0], start_percent=0.0, end_percent=0.5
    )
    hooks = set_hook_keyframes(
        hooks=create_hook_lora(run=run, lora_name="a.safetensors"), hook_kf=keys
    )
    clip = set_clip_hooks(run=run, clip=Clip(checkpoint), schedule_clip=True, hooks=hooks)
    first, second = clip_text_encode(run=run, text="a cat", clip=clip)
    ((plain, _),) = clip_text_encode(run=run, text="a cat", clip=Clip(checkpoint))
    assert torch.equal(second[0], plain)
    assert not torch.equal(first[0], plain)
    spans = [(e["clip_start_percent"], e["clip_end_percent"]) for _, e in (first, second)]
    assert spans == [(0.0, 0.5), (0.5, 1.0)]


def test_keyframes_are_shown_where_somebody_asks_for_it(run: LocalRun) -> None:
    found = create_hook_keyframes_interpolated(
        run=run,
        strength_start=0.0,
        strength_end=1.0,
        interpolation="linear",
        keyframes_count=3,
        print_keyframes=True,
        prev_hook_kf=(Keyframe(9.0, 0.5), Keyframe(4.0, 0.9)),
    )
    assert found == (
        Keyframe(0.0, 0.0),
        Keyframe(0.5, 0.5),
        Keyframe(4.0, 0.9),
        Keyframe(1.0, 1.0),
    )
    assert run.shown["text"] == ["0.000: 0.000", "0.500: 0.500", "1.000: 1.000"]


def test_groups_of_hooks_that_are_not_there_are_left_out() -> None:
    one = (LoraHook(WeightsFile("a", 1, 1), 1.0, 1.0),)
    two = (LoraHook(WeightsFile("b", 1, 1), 1.0, 1.0),)
    assert combine_hooks_4(hooks_B=one, hooks_D=two) == one + two
    assert combine_hooks_4() == ()

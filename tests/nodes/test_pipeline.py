"""The main job through the real engine: checkpoint, LoRA chain, prompts, sampler, picture."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import worker
from engine.execution.job import Cancel, Event, Job, Outcome
from engine.formats.api import read_prompt
from engine.graph.validation import validate
from tests.engine.weights.tiny import UNET, tiny_checkpoint

LINEAR = "down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_q"
TEXT_LINEAR = "text_model_encoder_layers_0_mlp_fc1"


def save_lora(path: Path, stems: dict[str, tuple[int, int]], rank: int = 2, seed: int = 0) -> None:
    """A kohya file with random factors; ``stems`` gives [out, in] of each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for stem, (out, columns) in stems.items():
        tensors[f"{stem}.lora_up.weight"] = torch.randn(out, rank, generator=generator)
        tensors[f"{stem}.lora_down.weight"] = torch.randn(rank, columns, generator=generator)
        tensors[f"{stem}.alpha"] = torch.tensor(float(rank))
    save_file(tensors, path)


class Studio:
    """A worker's engine in this process, with tiny files, and what it told."""

    def __init__(self, base: Path) -> None:
        (base / "models/checkpoints").mkdir(parents=True)
        tiny_checkpoint(base / "models/checkpoints/tiny.safetensors")
        loras = base / "models/loras"
        both = {f"lora_unet_{LINEAR}": (32, 32), f"lora_te_{TEXT_LINEAR}": (128, 64)}
        save_lora(loras / "both.safetensors", both)
        save_lora(loras / "unet.safetensors", {f"lora_unet_{LINEAR}": (32, 32)}, seed=1)
        save_lora(loras / "foreign.safetensors", {"lora_unet_down_blocks_9_nothing": (8, 8)})
        save_lora(loras / "partly.safetensors", both | {"lora_unet_mystery": (8, 8)})
        self.engine = worker.Engine(
            worker.parser().parse_args(
                [
                    "--base-directory",
                    str(base),
                    "--device",
                    "cpu",
                    "--preview-method",
                    "latent2rgb",
                    "--cache-disk",
                    "0",
                ]
            )
        )
        self.output = base / "output"
        self.prompts = 0
        self.events: list[Event] = []

    def run(self, prompt: dict[str, Any], stop_at_step: int = 0) -> Outcome:
        self.events, cancel = [], Cancel()

        def emit(event: Event) -> None:
            self.events.append(event)
            if event.type == "progress" and event.data["value"] == stop_at_step:
                cancel.set()

        checked = validate(read_prompt(prompt), self.engine.catalogue, self.engine.executor.folders)
        assert checked.error is None, checked
        # As every prompt has: a second attempt at the same one would save nothing new.
        self.prompts += 1
        job = Job(f"p{self.prompts}", checked.graph, checked.outputs)
        return self.engine.run(job, emit, cancel)

    def picture(self, prompt: dict[str, Any]) -> np.ndarray[Any, Any]:
        outcome = self.run(prompt)
        assert outcome.status == "success", outcome.messages[-1]
        return np.asarray(
            Image.open(self.output / outcome.outputs["save"]["images"][0]["filename"])
        )

    def ran(self) -> set[str]:
        return {e.data["node"] for e in self.events if e.type == "executing"}


@pytest.fixture(scope="module")
def shared_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    studio = Studio(tmp_path_factory.mktemp("studio"))
    yield studio
    studio.engine.executor.close()


@pytest.fixture
def studio(shared_studio: Studio) -> Studio:
    """The engine with empty caches."""
    shared_studio.engine.free(unload_models=True, free_memory=True)
    return shared_studio


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def txt2img(*loras: tuple[str, float, float], steps: int = 2, seed: int = 1) -> dict[str, Any]:
    """The main graph with a chain of LoRA loaders: (file, strength_model, strength_clip) each."""
    prompt = {"ckpt": node("CheckpointLoaderSimple", ckpt_name="tiny.safetensors")}
    model, clip = ["ckpt", 0], ["ckpt", 1]
    for number, (name, strength_model, strength_clip) in enumerate(loras):
        prompt[f"lora{number}"] = node(
            "LoraLoader",
            model=model,
            clip=clip,
            lora_name=f"{name}.safetensors",
            strength_model=strength_model,
            strength_clip=strength_clip,
        )
        model, clip = [f"lora{number}", 0], [f"lora{number}", 1]
    return prompt | {
        "pos": node("CLIPTextEncode", text="a (red:1.2) star", clip=clip),
        "neg": node("CLIPTextEncode", text="", clip=clip),
        "empty": node("EmptyLatentImage", width=32, height=16, batch_size=1),
        "sample": node(
            "KSampler",
            model=model,
            seed=seed,
            steps=steps,
            cfg=5.0,
            sampler_name="euler",
            scheduler="karras",
            positive=["pos", 0],
            negative=["neg", 0],
            latent_image=["empty", 0],
            denoise=1.0,
        ),
        "decode": node("VAEDecode", samples=["sample", 0], vae=["ckpt", 2]),
        "save": node("SaveImage", images=["decode", 0], filename_prefix="t"),
    }


def test_a_graph_gives_a_picture_of_its_size(studio: Studio) -> None:
    # The tiny VAE has two levels, so a latent cell is two pixels wide.
    assert studio.picture(txt2img()).shape == (4, 8, 3)


def test_the_same_seed_gives_the_same_picture_and_another_another(studio: Studio) -> None:
    first = studio.picture(txt2img())
    studio.engine.free(unload_models=True, free_memory=True)
    assert (studio.picture(txt2img()) == first).all()
    assert (studio.picture(txt2img(seed=2)) != first).any()


def test_loaders_move_no_weights(studio: Studio) -> None:
    loaded = studio.engine.residency.counters.networks_loaded
    prompt = txt2img(("both", 1, 1))
    text_only = {k: prompt[k] for k in ("ckpt", "lora0")} | {
        "latent": node("EmptyLatentImage", width=16, height=16, batch_size=1),
        "decode": node("VAEDecode", samples=["latent", 0], vae=["ckpt", 2]),
        "save": node("SaveImage", images=["decode", 0], filename_prefix="t"),
    }
    studio.run(text_only)
    assert studio.engine.residency.counters.networks_loaded == loaded + 1  # the VAE alone


def test_a_lora_changes_the_picture_and_leaves_no_trace(studio: Studio) -> None:
    plain = studio.picture(txt2img())
    with_lora = studio.picture(txt2img(("both", 1.0, 1.0)))
    assert (with_lora != plain).any()
    studio.engine.executor.cache.clear()  # keep the patched networks, forget the results
    assert (studio.picture(txt2img()) == plain).all()


def test_a_chain_applies_every_lora(studio: Studio) -> None:
    one = studio.picture(txt2img(("both", 1.0, 1.0)))
    two = studio.picture(txt2img(("both", 1.0, 1.0), ("unet", -0.7, 1.0)))
    assert (two != one).any()


def test_a_strength_of_zero_is_no_lora_at_all(studio: Studio) -> None:
    studio.run(txt2img())
    studio.run(txt2img(("both", 0.0, 0.0)))
    assert studio.ran() == set()


def test_a_model_strength_encodes_no_prompt_again(studio: Studio) -> None:
    studio.run(txt2img(("both", 0.5, 1.0)))
    studio.run(txt2img(("both", 0.6, 1.0)))
    assert studio.ran() == {"lora0", "sample", "decode", "save"}


def test_a_clip_strength_bakes_no_unet_weight(studio: Studio) -> None:
    studio.run(txt2img(("both", 0.5, 1.0)))
    baked = studio.engine.residency.counters.parameters_baked
    studio.run(txt2img(("both", 0.5, 0.9)))
    assert studio.ran() == {"lora0", "pos", "neg", "sample", "decode", "save"}
    assert studio.engine.residency.counters.parameters_baked == baked + 1  # one text weight


def test_a_lora_that_fits_nothing_is_an_error_on_its_node(studio: Studio) -> None:
    outcome = studio.run(txt2img(("foreign", 1.0, 1.0)))
    type_, error = outcome.messages[-1]
    assert (type_, error["node_id"]) == ("execution_error", "lora0")
    assert "foreign.safetensors: 0 of 1 modules fit" in error["exception_message"]


def test_a_lora_that_fits_in_part_says_what_was_left_out(studio: Studio) -> None:
    studio.run(txt2img(("partly", 1.0, 1.0)))
    (shown,) = [
        e.data["output"]
        for e in studio.events
        if e.type == "executed" and e.data["node"] == "lora0"
    ]
    assert "2 of 3 modules are applied" in shown["warnings"][0]
    (told,) = shown["lora"]
    assert (told["name"], told["modules"]) == ("partly.safetensors", 3)
    assert (told["matched_model"], told["matched_clip"]) == (1, 1)
    assert (told["ranks"], told["algorithms"]) == ({"2": 2}, {"LoRA": 2})


def test_sampling_reports_steps_and_previews(studio: Studio) -> None:
    studio.run(txt2img(steps=3))
    steps = [e.data["value"] for e in studio.events if e.type == "progress"]
    previews = [e for e in studio.events if e.type == "preview"]
    assert steps == [1, 2, 3]
    # Steps that take less time than a picture of them do not all get one.
    assert 1 <= len(previews) <= 3
    assert all(e.blob is not None and e.blob.startswith(b"\xff\xd8") for e in previews)


def test_a_picture_says_how_its_noise_was_drawn(studio: Studio) -> None:
    """By the worker's own choice, or by the prompt, which it holds, too."""
    chosen = txt2img()
    chosen["habit"] = node("NoiseProfile", model=["ckpt", 0], profile="a1111")
    chosen["sample"]["inputs"]["model"] = ["habit", 0]
    assert (studio.picture(chosen) != studio.picture(txt2img())).any()
    outcome = studio.run(chosen)
    path = studio.output / outcome.outputs["save"]["images"][0]["filename"]
    text = Image.open(path).text  # type: ignore[attr-defined]
    assert json.loads(text["patchbay"])["noise_profile"] == "current"
    assert json.loads(text["prompt"])["habit"]["inputs"]["profile"] == "a1111"


def test_cancelling_a_sampler_stops_within_one_step(studio: Studio) -> None:
    outcome = studio.run(txt2img(steps=200), stop_at_step=3)
    assert outcome.status == "interrupted"
    assert [e.data["value"] for e in studio.events if e.type == "progress"] == [1, 2, 3]


def test_clip_skip_changes_the_prompt_only(studio: Studio) -> None:
    plain = studio.picture(txt2img())
    prompt = txt2img()
    prompt["skip"] = node("CLIPSetLastLayer", clip=["ckpt", 1], stop_at_clip_layer=-2)
    for name in ("pos", "neg"):
        prompt[name]["inputs"]["clip"] = ["skip", 0]
    assert (studio.picture(prompt) != plain).any()


def test_an_embedding_that_is_not_applied_is_said_on_the_node(studio: Studio) -> None:
    prompt = txt2img()
    prompt["pos"]["inputs"]["text"] = "a star, embedding:soft"
    studio.run(prompt)
    shown = {e.data["node"]: e.data["output"] for e in studio.events if e.type == "executed"}
    assert "embedding:soft is not applied" in shown["pos"]["warnings"][0]


def test_image_to_image_goes_through_the_vae(studio: Studio) -> None:
    plain = studio.run(txt2img()).outputs["save"]["images"][0]["filename"]
    prompt = txt2img(seed=3)
    del prompt["empty"]
    prompt["load"] = node("LoadImage", image=f"{plain} [output]")
    prompt["encode"] = node("VAEEncode", pixels=["load", 0], vae=["ckpt", 2])
    prompt["sample"]["inputs"] |= {"latent_image": ["encode", 0], "denoise": 0.5}
    assert studio.picture(prompt).shape == (4, 8, 3)


def test_a_checkpoint_without_the_part_that_is_asked_for(studio: Studio) -> None:
    path = studio.output.parent / "models/checkpoints/unet-only.safetensors"
    tiny_checkpoint(path, UNET)
    prompt = txt2img()
    prompt["ckpt"]["inputs"]["ckpt_name"] = path.name
    _, error = studio.run(prompt).messages[-1]
    assert error["node_id"] in {"pos", "neg"}
    assert "unet-only.safetensors holds no text encoder" in error["exception_message"]

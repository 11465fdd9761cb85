"""What a checkpoint is, from its header alone."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.weights.checkpoint import inspect_checkpoint
from engine.weights.configs import Config, TextConfig, UnetConfig, VaeConfig
from engine.weights.errors import WeightsError
from engine.weights.handles import Clip, LoraPatch, Model, Vae, WeightsFile
from engine.weights.ldm import names
from engine.weights.networks import build, live_name
from tests.engine.weights.tiny import PREFIXES, TEXT, UNET, VAE, save, tiny_tensors

SHAPED: dict[str, tuple[Config, ...]] = {
    "sd15": (
        UnetConfig((320, 640, 1280, 1280), (True, True, True, False)),
        TextConfig(768, 12, 3072),
        VaeConfig((128, 256, 512, 512)),
    ),
    "tiny": (UNET, TEXT, VAE),
    "odd": (
        UnetConfig((96, 32, 64), (False, True, True), resnets=3, context_width=128),
        TextConfig(128, 1, 512, vocabulary=1000, positions=20),
        VaeConfig((32, 96, 64, 32, 32), resnets=3),
    ),
}


def zeros(*configs: Config) -> dict[str, Tensor]:
    """A checkpoint's tensors with the right shapes and one shared byte of memory."""
    tensors = {}
    for config in configs:
        table = names(config)
        module = build(config)
        for own, parameter in module.named_parameters():
            live = live_name(module, own)
            shape = table.file_shape(live, tuple(parameter.shape))
            tensors[PREFIXES[type(config)] + table.file_of[live]] = torch.empty(
                shape, device="meta"
            )
    return tensors


def shaped(path: Path, tensors: dict[str, Tensor]) -> WeightsFile:
    """A sparse file with a true header and no bytes written for the tensors."""
    header, position = {}, 0
    for name, tensor in tensors.items():
        stop = position + tensor.numel() * 2
        header[name] = {
            "dtype": "F16",
            "shape": list(tensor.shape),
            "data_offsets": [position, stop],
        }
        position = stop
    raw = json.dumps(header).encode()
    path.write_bytes(len(raw).to_bytes(8, "little") + raw)
    with path.open("r+b") as stream:
        stream.truncate(8 + len(raw) + position)
    return WeightsFile.of(path)


@pytest.mark.parametrize("configs", SHAPED.values(), ids=SHAPED.keys())
def test_configurations_are_read_off_the_shapes(
    tmp_path: Path, configs: tuple[Config, ...]
) -> None:
    found = inspect_checkpoint(shaped(tmp_path / "a.safetensors", zeros(*configs)))
    assert found.unet is not None
    assert found.text is not None
    assert found.vae is not None
    assert (found.unet.config, found.text.config, found.vae.config) == configs
    assert (found.family, found.prediction) == ("sd1", "eps")


def test_sd15_has_the_known_number_of_parameters(tmp_path: Path) -> None:
    found = inspect_checkpoint(shaped(tmp_path / "a.safetensors", zeros(*SHAPED["sd15"])))
    assert found.unet is not None
    assert found.text is not None
    assert found.vae is not None
    counts = (found.unet.parameters, found.text.parameters, found.vae.parameters)
    assert counts == (859_520_964, 123_060_480, 83_653_863)


def test_missing_parts_are_none(tmp_path: Path) -> None:
    only_unet = inspect_checkpoint(shaped(tmp_path / "u.safetensors", zeros(UNET)))
    assert (only_unet.text, only_unet.vae) == (None, None)
    only_vae = inspect_checkpoint(shaped(tmp_path / "v.safetensors", zeros(VAE)))
    assert (only_vae.unet, only_vae.text) == (None, None)


def test_a_vae_file_without_prefix_is_a_vae(tmp_path: Path) -> None:
    bare = {name.removeprefix("first_stage_model."): t for name, t in zeros(VAE).items()}
    found = inspect_checkpoint(shaped(tmp_path / "v.safetensors", bare))
    assert found.vae is not None
    assert found.vae.config == VAE
    assert found.vae.place("encoder.conv_in.weight") == "encoder.conv_in.weight"


def test_what_training_left_in_the_file_is_ignored(tmp_path: Path) -> None:
    tensors = zeros(UNET, TEXT) | {
        "model_ema.diffusion_modelinput_blocks00weight": torch.empty(2),
        "cond_stage_model.transformer.text_model.embeddings.position_ids": torch.empty(1, 77),
        "alphas_cumprod": torch.empty(1000),
        "model_ema.num_updates": torch.empty(()),
    }
    found = inspect_checkpoint(shaped(tmp_path / "a.safetensors", tensors))
    assert found.unet is not None
    assert found.unet.config == UNET


def test_a_text_encoder_without_its_inner_name_is_found(tmp_path: Path) -> None:
    tensors = {name.replace(".text_model.", "."): t for name, t in zeros(TEXT).items()}
    found = inspect_checkpoint(shaped(tmp_path / "a.safetensors", tensors))
    assert found.text is not None
    live = "text_model.final_layer_norm.bias"
    assert found.text.place(live) == "cond_stage_model.transformer.final_layer_norm.bias"


def test_a_v_prediction_model_is_known_by_its_mark(tmp_path: Path) -> None:
    tensors = zeros(UNET) | {"v_pred": torch.empty(0)}
    assert inspect_checkpoint(shaped(tmp_path / "v.safetensors", tensors)).prediction == "v"


U = "model.diffusion_model."
FOREIGN: dict[str, tuple[dict[str, tuple[int, ...]], str]] = {
    "sdxl": ({f"{U}label_emb.0.0.weight": (1280, 2816)}, "SDXL"),
    "sd2": ({f"{U}middle_block.1.proj_in.weight": (64, 64)}, "Stable Diffusion 2"),
    "inpainting": ({f"{U}input_blocks.0.0.weight": (32, 9, 3, 3)}, "inpainting"),
    "pix2pix": ({f"{U}input_blocks.0.0.weight": (32, 8, 3, 3)}, "pix2pix"),
    "deep": ({f"{U}middle_block.1.transformer_blocks.1.norm1.weight": (64,)}, "more than one"),
    "odd width": ({f"{U}input_blocks.1.0.in_layers.2.weight": (33, 32, 3, 3)}, "not multiples"),
}


@pytest.mark.parametrize(("changes", "words"), FOREIGN.values(), ids=FOREIGN.keys())
def test_a_unet_of_another_family_is_called_by_its_name(
    tmp_path: Path, changes: dict[str, tuple[int, ...]], words: str
) -> None:
    tensors = zeros(UNET) | {n: torch.empty(s, device="meta") for n, s in changes.items()}
    with pytest.raises(WeightsError, match=rf"other\.safetensors is not .*{words}"):
        inspect_checkpoint(shaped(tmp_path / "other.safetensors", tensors))


SEEMS = {
    "lora_unet_mid_block_attentions_0_proj_in.lora_up.weight": "a LoRA",
    "emb_params": "a textual inversion embedding",
    "model.diffusion_model.double_blocks.0.img_attn.qkv.weight": "a Flux model",
    "model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight": "a Stable Diffusion 3 model",
    "control_model.input_hint_block.0.weight": "a ControlNet",
    "down_blocks.0.resnets.0.conv1.weight": "a UNet in the diffusers layout",
    "text_model.encoder.layers.0.mlp.fc1.weight": "a text encoder on its own",
    "whatever": "an unknown kind of file",
}


@pytest.mark.parametrize(("name", "words"), SEEMS.items(), ids=SEEMS.values())
def test_another_kind_of_file_is_called_what_it_seems_to_be(
    tmp_path: Path, name: str, words: str
) -> None:
    file = shaped(tmp_path / "other.safetensors", {name: torch.empty(2, 2, device="meta")})
    with pytest.raises(WeightsError, match=f"it seems to be {words}"):
        inspect_checkpoint(file)


def test_a_part_that_lacks_weights_is_refused_with_their_names(tmp_path: Path) -> None:
    tensors = zeros(UNET)
    del tensors[f"{U}out.2.weight"]
    with pytest.raises(
        WeightsError, match=r"lacks 1 of the \d+ weights of its UNet \(.*out\.2\.weight"
    ):
        inspect_checkpoint(shaped(tmp_path / "a.safetensors", tensors))


def test_handles_are_values(tmp_path: Path) -> None:
    file = save(tmp_path / "a.safetensors", tiny_tensors(VAE))
    patch = LoraPatch(file, 0.5)
    assert Model(file).patched(patch) == Model(file, (patch,))
    assert Clip(file).stopped_at(-2).patched(patch) == Clip(file, (patch,), -2)
    assert len({Model(file), Model(file), Model(file).patched(patch)}) == 2
    assert Vae(file) == Vae(WeightsFile.of(file.path))

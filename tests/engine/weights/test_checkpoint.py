"""What a file of weights is, from its header alone."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.weights.checkpoint import Checkpoint, inspect_checkpoint
from engine.weights.configs import Config, TextConfig, UnetConfig, VaeConfig
from engine.weights.errors import WeightsError
from engine.weights.handles import Clip, LoraPatch, Model, Vae, WeightsFile
from engine.weights.layouts import Place
from engine.weights.ldm import TEXT_PREFIX, UNET_PREFIX, VAE_PREFIX, names
from engine.weights.networks import build, live_name
from engine.weights.resolve import unet_of
from tests.engine.weights.tiny import (
    FAMILIES,
    G_PLACE,
    H_PLACE,
    L_PLACE,
    REFINER_PLACE,
    SD2_UNET,
    SDXL_TEXT,
    SDXL_UNET,
    TEXT,
    UNET,
    VAE,
    Placed,
    live_shapes,
    save,
    sd1_part,
    stored,
    tiny_tensors,
)

SD15 = UnetConfig((320, 640, 1280, 1280), (1, 1, 1, 0))
SD2 = replace(SD15, context_width=1024, head_width=64, linear=True)
SDXL = UnetConfig(
    (320, 640, 1280), (0, 2, 10), 2, 10, 2048, head_width=64, linear=True, vector=2816
)
REFINER = UnetConfig(
    (384, 768, 1536, 1536), (0, 4, 4, 0), 2, 4, 1280, head_width=64, linear=True, vector=2560
)
CLIP_L = TextConfig(768, 12, 3072)
CLIP_H = TextConfig(1024, 24, 4096, kind="h", activation="gelu", projection=1024)
CLIP_G = TextConfig(1280, 32, 5120, kind="g", activation="gelu", projection=1280)
KL = VaeConfig((128, 256, 512, 512))

# Whole checkpoints as they are published, by family.
FULL: dict[str, tuple[Placed, ...]] = {
    "sd1": (sd1_part(SD15), sd1_part(CLIP_L), sd1_part(KL)),
    "sd2": (sd1_part(SD2), Placed(CLIP_H, "openclip", H_PLACE), sd1_part(KL)),
    "sdxl": (
        sd1_part(SDXL),
        Placed(CLIP_L, "diffusers", L_PLACE),
        Placed(CLIP_G, "openclip", G_PLACE),
        sd1_part(KL),
    ),
    "sdxl_refiner": (sd1_part(REFINER), Placed(CLIP_G, "openclip", REFINER_PLACE), sd1_part(KL)),
}
ODD = (
    UnetConfig((96, 32, 64), (0, 1, 1), resnets=3, context_width=128),
    TextConfig(128, 1, 512, vocabulary=1000, positions=20),
    VaeConfig((32, 96, 64, 32, 32), resnets=3),
)


def empty(*parts: Placed) -> dict[str, Tensor]:
    """A file's tensors: shapes, and no memory."""
    return {
        name: tensor
        for part in parts
        for name, tensor in stored(
            part,
            {n: torch.empty(s, device="meta") for n, s in live_shapes(part.config).items()},
        ).items()
    }


def zeros(*configs: Config) -> dict[str, Tensor]:
    """An SD1 checkpoint's tensors."""
    return empty(*[sd1_part(config) for config in configs])


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


def configs(found: Checkpoint) -> tuple[Config, ...]:
    parts = (found.unet, *found.texts, found.vae)
    return tuple(part.config for part in parts if part is not None)


@pytest.mark.parametrize("family", FULL)
def test_published_checkpoints_are_known_by_their_shapes(tmp_path: Path, family: str) -> None:
    found = inspect_checkpoint(shaped(tmp_path / "a.safetensors", empty(*FULL[family])))
    assert configs(found) == tuple(part.config for part in FULL[family])
    assert (found.trained.family, found.trained.prediction) == (family, "eps")
    assert found.trained.latents == ("SDXL" if "xl" in family else "SD15")


@pytest.mark.parametrize("family", FAMILIES)
def test_tiny_checkpoints_are_known_by_their_shapes(tmp_path: Path, family: str) -> None:
    found = inspect_checkpoint(shaped(tmp_path / "a.safetensors", empty(*FAMILIES[family])))
    assert configs(found) == tuple(part.config for part in FAMILIES[family])
    assert found.trained.family == family


def test_odd_numbers_of_blocks_and_widths_are_read_off(tmp_path: Path) -> None:
    assert configs(inspect_checkpoint(shaped(tmp_path / "a.safetensors", zeros(*ODD)))) == ODD


def test_sizes_are_the_known_ones(tmp_path: Path) -> None:
    sizes = {
        family: inspect_checkpoint(shaped(tmp_path / f"{family}.safetensors", empty(*parts)))
        for family, parts in FULL.items()
    }
    sd1, sdxl = sizes["sd1"], sizes["sdxl"]
    assert sd1.unet and sd1.vae and sdxl.unet
    assert (sd1.unet.parameters, sd1.vae.parameters) == (859_520_964, 83_653_863)
    assert sd1.unet.stored_bytes == 2 * sd1.unet.parameters
    assert sdxl.unet.parameters == 2_567_463_684
    # OpenCLIP-G with its projection; the fused q, k and v count once.
    assert [text.parameters for text in sdxl.texts] == [123_060_480, 694_659_840]


def in_diffusers_layout(family: str) -> dict[str, tuple[Placed, ...]]:
    """The same networks in the layout of diffusers, each in a file of its own."""
    return {
        str(number): (Placed(part.config, "diffusers"),) for number, part in enumerate(FULL[family])
    }


@pytest.mark.parametrize("family", FULL)
def test_single_parts_in_the_layout_of_diffusers_are_known(tmp_path: Path, family: str) -> None:
    for name, parts in in_diffusers_layout(family).items():
        found = inspect_checkpoint(shaped(tmp_path / f"{name}.safetensors", empty(*parts)))
        assert configs(found) == (parts[0].config,)
        if found.unet is not None:
            assert found.trained.family == family


@pytest.mark.parametrize("prefix", ["", UNET_PREFIX])
def test_a_unet_may_stand_alone_with_or_without_its_prefix(tmp_path: Path, prefix: str) -> None:
    found = inspect_checkpoint(shaped(tmp_path / "u.st", empty(Placed(UNET, "ldm", prefix))))
    assert configs(found) == (UNET,)


def test_missing_parts_are_none(tmp_path: Path) -> None:
    only_unet = inspect_checkpoint(shaped(tmp_path / "u.safetensors", zeros(UNET)))
    assert (only_unet.texts, only_unet.vae) == ((), None)
    only_vae = inspect_checkpoint(shaped(tmp_path / "v.safetensors", zeros(VAE)))
    assert (only_vae.unet, only_vae.texts) == (None, ())


@pytest.mark.parametrize("layout", ["ldm", "diffusers", "diffusers_old"])
def test_a_vae_file_without_prefix_is_a_vae(tmp_path: Path, layout: str) -> None:
    part = Placed(VAE, layout)  # type: ignore[arg-type]
    found = inspect_checkpoint(shaped(tmp_path / "v.safetensors", empty(part)))
    assert found.vae is not None
    assert (found.vae.config, found.vae.layout) == (VAE, layout)
    assert found.vae.place("encoder.conv_in.weight") == Place("encoder.conv_in.weight")


def test_what_training_left_in_the_file_is_ignored(tmp_path: Path) -> None:
    tensors = zeros(UNET, TEXT) | {
        "model_ema.diffusion_modelinput_blocks00weight": torch.empty(2),
        "cond_stage_model.transformer.text_model.embeddings.position_ids": torch.empty(1, 77),
        "alphas_cumprod": torch.empty(1000),
        "model_ema.num_updates": torch.empty(()),
    }
    found = inspect_checkpoint(shaped(tmp_path / "a.safetensors", tensors))
    assert configs(found) == (UNET, TEXT)


def test_a_text_encoder_without_its_inner_name_is_found(tmp_path: Path) -> None:
    tensors = {name.replace(".text_model.", "."): t for name, t in zeros(TEXT).items()}
    (text,) = inspect_checkpoint(shaped(tmp_path / "a.safetensors", tensors)).texts
    live = "text_model.final_layer_norm.bias"
    assert text.place(live).name == "cond_stage_model.transformer.final_layer_norm.bias"


def test_openclip_projections_are_read_in_both_forms(tmp_path: Path) -> None:
    for layout, transposed in (("openclip", True), ("openclip_linear", False)):
        part = Placed(SDXL_TEXT, layout, G_PLACE)  # type: ignore[arg-type]
        (text,) = inspect_checkpoint(shaped(tmp_path / f"{layout}.st", empty(part))).texts
        assert (text.layout, text.config) == (layout, SDXL_TEXT)
        assert text.place("text_projection.weight").transposed is transposed


def test_fused_weights_are_three_parameters(tmp_path: Path) -> None:
    part = Placed(SDXL_TEXT, "openclip", G_PLACE)
    (text,) = inspect_checkpoint(shaped(tmp_path / "g.safetensors", empty(part))).texts
    fused = f"{G_PLACE}transformer.resblocks.0.attn.in_proj_weight"
    for third, name in enumerate(("q_proj", "k_proj", "v_proj")):
        live = f"text_model.encoder.layers.0.self_attn.{name}.weight"
        assert text.place(live) == Place(fused, third)
        assert text.shape(live) == (64, 64)


# What UNets were trained for --------------------------------------------------------------------


def marked(path: Path, config: UnetConfig, marks: dict[str, Tensor], **metadata: str) -> Model:
    tensors = tiny_tensors(config) | marks
    return Model(save(path, tensors, torch.float32, metadata or None))


MARKS = {
    "none": ({}, ("eps", False, None)),
    "v": ({"v_pred": torch.zeros(0)}, ("v", False, None)),
    "zero snr": ({"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}, ("v", True, None)),
    "edm v": ({"edm_vpred.sigma_max": torch.tensor(120.0)}, ("v", False, (0.002, 120.0))),
    "edm v range": (
        {
            "edm_vpred.sigma_max": torch.tensor([200.0]),
            "edm_vpred.sigma_min": torch.tensor([0.5]),
        },
        ("v", False, (0.5, 200.0)),
    ),
    "edm": ({"edm_mean": torch.ones(4), "edm_std": torch.ones(4)}, ("edm", False, (0.002, 80.0))),
}


@pytest.mark.parametrize(("marks", "means"), MARKS.values(), ids=MARKS.keys())
def test_marks_say_what_an_sdxl_model_predicts(
    tmp_path: Path, marks: dict[str, Tensor], means: tuple[object, ...]
) -> None:
    _, found = unet_of(marked(tmp_path / "a.safetensors", SDXL_UNET, marks))
    assert (found.prediction, found.zero_snr, found.sigmas) == means
    assert found.latents == ("SDXL_Playground_2_5" if found.prediction == "edm" else "SDXL")


def test_models_that_edit_see_their_picture_as_they_were_trained_to(tmp_path: Path) -> None:
    edits = replace(SDXL_UNET, channels=8)
    _, plain = unet_of(marked(tmp_path / "a.safetensors", edits, {}))
    _, edm = unet_of(
        marked(tmp_path / "b.safetensors", edits, {"edm_vpred.sigma_max": torch.tensor(120.0)})
    )
    assert (plain.concat, edm.concat) == (("image",), ("scaled_image",))


def test_marks_may_come_from_outside_the_file(tmp_path: Path) -> None:
    model = marked(tmp_path / "a.safetensors", SDXL_UNET, {})
    _, found = unet_of(replace(model, marks=frozenset({"v_pred", "ztsnr"})))
    assert (found.prediction, found.zero_snr) == ("v", True)


def test_a_range_that_is_no_number_is_a_sentence(tmp_path: Path) -> None:
    bad = {"edm_vpred.sigma_max": torch.tensor(float("nan"))}
    with pytest.raises(WeightsError, match=r"a\.safetensors: edm_vpred\.sigma_max is not one"):
        unet_of(marked(tmp_path / "a.safetensors", SDXL_UNET, bad))


def test_metadata_says_v(tmp_path: Path) -> None:
    says = {"modelspec.prediction_type": "v"}
    _, found = unet_of(marked(tmp_path / "a.safetensors", UNET, {}, **says))
    assert found.prediction == "v"


# The first norm of the last output block with attention: output_blocks.11.1 in a full-size SD2.
SPREAD = f"{UNET_PREFIX}output_blocks.3.1.transformer_blocks.0.norm1.bias"


@pytest.mark.parametrize(("spread", "prediction"), [(0.089, "eps"), (0.091, "v")])
def test_sd2_models_are_told_apart_by_a_spread(
    tmp_path: Path, spread: float, prediction: str
) -> None:
    bias = spread * torch.tensor([1.0, -1.0]).repeat(32)
    _, found = unet_of(marked(tmp_path / "a.safetensors", SD2_UNET, {SPREAD: bias}))
    assert (found.family, found.prediction) == ("sd2", prediction)
    inpaint = replace(SD2_UNET, channels=9)
    _, found = unet_of(marked(tmp_path / "b.safetensors", inpaint, {SPREAD: bias}))
    assert found.prediction == "eps"


def test_the_tensor_that_tells_is_the_known_one_in_a_full_size_model() -> None:
    live = "up_blocks.3.attentions.2.transformer_blocks.0.norm1.bias"
    assert names(SD2).file_of[live] == "output_blocks.11.1.transformer_blocks.0.norm1.bias"


# What is refused --------------------------------------------------------------------------------

U = UNET_PREFIX
FOREIGN: dict[str, tuple[dict[str, tuple[int, ...]], str]] = {
    "unclip": ({f"{U}label_emb.0.0.weight": (128, 1536)}, "an unCLIP model"),
    "depth": ({f"{U}input_blocks.0.0.weight": (32, 5, 3, 3)}, "a depth model"),
    "upscaler": ({f"{U}input_blocks.0.0.weight": (32, 7, 3, 3)}, "an upscaling model"),
    "other inputs": ({f"{U}input_blocks.0.0.weight": (32, 12, 3, 3)}, "12 input"),
    "other outputs": ({f"{U}out.2.weight": (8, 32, 3, 3)}, "8 output"),
    "deep": ({f"{U}middle_block.1.transformer_blocks.1.norm1.weight": (64,)}, "more than one"),
    "odd width": ({f"{U}input_blocks.1.0.in_layers.2.weight": (33, 32, 3, 3)}, "not multiples"),
    "uneven": ({f"{U}input_blocks.4.0.in_layers.2.weight": (64, 64, 3, 3)}, "not built alike"),
    "distilled": ({f"{U}time_embed.cond_proj.weight": (32, 32)}, "1 weights that .* has not"),
    "scaled": ({f"{U}out.2.scale_weight": (1,)}, r"\(out\.2\.scale_weight\)"),
    "vae": ({f"{VAE_PREFIX}decoder.conv_in.weight": (64, 16, 3, 3)}, "16 latent channels"),
}


@pytest.mark.parametrize(("changes", "words"), FOREIGN.values(), ids=FOREIGN.keys())
def test_a_model_of_another_kind_is_called_by_its_name(
    tmp_path: Path, changes: dict[str, tuple[int, ...]], words: str
) -> None:
    tensors = zeros(UNET, VAE) | {n: torch.empty(s, device="meta") for n, s in changes.items()}
    with pytest.raises(WeightsError, match=rf"other\.safetensors cannot be used: .*{words}"):
        inspect_checkpoint(shaped(tmp_path / "other.safetensors", tensors))


SEEMS = {
    "lora_unet_mid_block_attentions_0_proj_in.lora_up.weight": "a LoRA",
    "emb_params": "a textual inversion embedding",
    "model.diffusion_model.double_blocks.0.img_attn.qkv.weight": "a Flux model",
    "model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight": "a Stable Diffusion 3 model",
    "control_model.input_hint_block.0.weight": "a ControlNet",
    "encoder.block.0.layer.0.SelfAttention.q.weight": "a T5 text encoder on its own",
    "vision_model.embeddings.class_embedding": "a CLIP vision model",
    "whatever": "an unknown kind of file",
}


@pytest.mark.parametrize(("name", "words"), SEEMS.items(), ids=SEEMS.values())
def test_another_kind_of_file_is_called_what_it_seems_to_be(
    tmp_path: Path, name: str, words: str
) -> None:
    file = shaped(tmp_path / "other.safetensors", {name: torch.empty(2, 2, device="meta")})
    with pytest.raises(WeightsError, match=f"it seems to be {words}"):
        inspect_checkpoint(file)


@pytest.mark.parametrize(
    ("config", "missing", "what"),
    [
        (UNET, f"{U}out.2.weight", "UNet"),
        (TEXT, f"{TEXT_PREFIX}text_model.final_layer_norm.bias", "text encoder"),
        (VAE, f"{VAE_PREFIX}quant_conv.bias", "VAE"),
    ],
)
def test_a_part_that_lacks_weights_is_refused_with_their_names(
    tmp_path: Path, config: Config, missing: str, what: str
) -> None:
    tensors = zeros(config)
    del tensors[missing]
    words = rf"lacks 1 of the \d+ weights of its {what} \({re.escape(missing)}\)"
    with pytest.raises(WeightsError, match=words):
        inspect_checkpoint(shaped(tmp_path / "a.safetensors", tensors))


def test_clip_g_without_its_projection_is_refused(tmp_path: Path) -> None:
    tensors = empty(Placed(SDXL_TEXT, "openclip", G_PLACE))
    del tensors[f"{G_PLACE}text_projection"]
    with pytest.raises(WeightsError, match="lacks the projection"):
        inspect_checkpoint(shaped(tmp_path / "g.safetensors", tensors))


def test_handles_are_values(tmp_path: Path) -> None:
    file = save(tmp_path / "a.safetensors", tiny_tensors(VAE))
    patch = LoraPatch(file, 0.5)
    assert Model(file).patched(patch) == Model(file, (patch,))
    assert Clip(file).stopped_at(-2).patched(patch) == Clip(file, (patch,), -2)
    assert Clip(file, more=(file,)).sources == (file, file)
    assert len({Model(file), Model(file), Model(file).patched(patch)}) == 2
    assert Vae(file) == Vae(WeightsFile.of(file.path))


def test_live_names_are_those_of_the_modules() -> None:
    module = build(SDXL_TEXT)
    own = {live_name(module, name) for name, _ in module.named_parameters()}
    assert own == set(names(SDXL_TEXT).file_of)

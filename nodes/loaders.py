"""Nodes that name files of weights. They give handles: no tensor is read before it is used."""

from collections.abc import Mapping
from typing import Annotated, Literal

from engine.graph.native import Choice, File, node
from engine.graph.run import Run
from engine.weights.checkpoint import inspect_checkpoint
from engine.weights.folder import ModelFolder, model_folder
from engine.weights.handles import Clip, Model, Vae, WeightsFile
from engine.weights.resolve import texts_of, unet_of, vae_of
from nodes.types import CLIP, MODEL, VAE

# Which families a text encoder may be for; of these only the first of each list can be loaded.
_ONE_ENCODER = (
    "stable_diffusion",
    "stable_cascade",
    "sd3",
    "stable_audio",
    "mochi",
    "ltxv",
    "pixart",
    "cosmos",
    "lumina2",
    "wan",
    "hidream",
    "chroma",
    "ace",
    "omnigen2",
    "qwen_image",
    "hunyuan_image",
)
_TWO_ENCODERS = ("sdxl", "sd3", "flux", "hunyuan_video", "hidream", "hunyuan_image")
# "fast" asks for products of 8 bits, which Stable Diffusion's layers are not made for.
_WEIGHT_TYPES: Mapping[str, Literal["", "fp8_e4m3fn", "fp8_e5m2"]] = {
    "default": "",
    "fp8_e4m3fn": "fp8_e4m3fn",
    "fp8_e4m3fn_fast": "fp8_e4m3fn",
    "fp8_e5m2": "fp8_e5m2",
}
_Device = Annotated[str, Choice(("default", "cpu"), advanced=True)]


@node(
    "CheckpointLoaderSimple",
    "Load Checkpoint",
    category="loaders",
    light=True,
    aliases=("CheckpointLoader",),
)
def load_checkpoint(
    *, run: Run, ckpt_name: Annotated[str, File("checkpoints")]
) -> tuple[MODEL, CLIP, VAE]:
    """Opens a checkpoint: the denoising model, its text encoders and its VAE."""
    file = WeightsFile.of(run.folders.find("checkpoints", ckpt_name))
    inspect_checkpoint(file)
    return Model(file), Clip(file), Vae(file)


@node("UNETLoader", "Load Diffusion Model", category="advanced/loaders", light=True)
def load_unet(
    *,
    run: Run,
    unet_name: Annotated[str, File("diffusion_models")],
    weight_dtype: Annotated[str, Choice(tuple(_WEIGHT_TYPES))],
) -> MODEL:
    """Opens a denoising model from a file of its own; its weights may be kept in 8 bits."""
    file = WeightsFile.of(run.folders.find("diffusion_models", unet_name))
    model = Model(file, stored=_WEIGHT_TYPES[weight_dtype])
    unet_of(model)
    return model


@node("CLIPLoader", "Load CLIP", category="advanced/loaders", light=True)
def load_clip(
    *,
    run: Run,
    clip_name: Annotated[str, File("text_encoders")],
    type: Annotated[str, Choice(_ONE_ENCODER)],
    device: _Device | None = None,
) -> CLIP:
    """Opens a text encoder from a file of its own: CLIP-L, OpenCLIP-H or OpenCLIP-G."""
    _check_type(type, _ONE_ENCODER[0])
    file = WeightsFile.of(run.folders.find("text_encoders", clip_name))
    clip = Clip(file, on_cpu=device == "cpu")
    texts_of(clip)
    return clip


@node("DualCLIPLoader", category="advanced/loaders", light=True)
def load_two_clips(
    *,
    run: Run,
    clip_name1: Annotated[str, File("text_encoders")],
    clip_name2: Annotated[str, File("text_encoders")],
    type: Annotated[str, Choice(_TWO_ENCODERS)],
    device: _Device | None = None,
) -> CLIP:
    """Opens the two text encoders of SDXL, CLIP-L and OpenCLIP-G, in either order."""
    _check_type(type, _TWO_ENCODERS[0])
    first, second = (
        WeightsFile.of(run.folders.find("text_encoders", name)) for name in (clip_name1, clip_name2)
    )
    clip = Clip(first, more=(second,), on_cpu=device == "cpu")
    texts_of(clip)
    return clip


@node("VAELoader", "Load VAE", category="loaders", light=True)
def load_vae(*, run: Run, vae_name: Annotated[str, File("vae")]) -> VAE:
    """Opens a VAE from a file of its own."""
    vae = Vae(WeightsFile.of(run.folders.find("vae", vae_name)))
    vae_of(vae)
    return vae


def _folder(run: Run, model_path: str) -> ModelFolder:
    return model_folder(run.folders.find("diffusers", model_path).parent)


def _state(run: Run, model_path: str | None) -> str:
    """The files of a model folder as they are: the node runs again when one is another."""
    found = _folder(run, model_path or "")
    return f"{found.unet} {found.texts} {found.vae} {sorted(found.marks)}"


@node(
    "DiffusersLoader",
    category="advanced/loaders/deprecated",
    light=True,
    fingerprint=_state,
)
def load_diffusers(
    *, run: Run, model_path: Annotated[str, File("diffusers")]
) -> tuple[MODEL, CLIP, VAE]:
    """Opens a model folder as diffusers write it: unet, text encoders and VAE in files of their
    own.
    """
    found = _folder(run, model_path)
    model = Model(found.unet, marks=found.marks)
    clip = Clip(found.texts[0], more=found.texts[1:])
    vae = Vae(found.vae)
    unet_of(model)
    texts_of(clip)
    vae_of(vae)
    return model, clip, vae


def _check_type(chosen: str, known: str) -> None:
    if chosen != known:
        raise ValueError(
            f"Text encoders of the type '{chosen}' are not supported; choose '{known}' and a file "
            "for a Stable Diffusion model."
        )

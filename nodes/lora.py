"""Nodes that put LoRAs on models and text encoders: each appends to a handle, nothing is loaded."""

from typing import Annotated

from engine.graph.native import File, Range, node
from engine.graph.run import Run
from engine.graph.spec import Passthrough
from engine.lora.file import read_lora
from engine.lora.report import report
from engine.weights.handles import Clip, LoraPatch, Model, WeightsFile
from nodes.types import CLIP, MODEL

LoraFileName = Annotated[str, File("loras")]
Strength = Annotated[float, Range(-100.0, 100.0, 0.01)]

# A strength for one of the two leaves results that depend on the other alone.
_MODEL_INPUTS = ("model", "lora_name", "strength_model")
_CLIP_INPUTS = ("clip", "lora_name", "strength_clip")
_MODEL_UNCHANGED = Passthrough(switch="strength_model", source="model")
_CLIP_UNCHANGED = Passthrough(switch="strength_clip", source="clip")


@node(
    "LoraLoader",
    "Load LoRA",
    category="loaders",
    light=True,
    depends={0: _MODEL_INPUTS, 1: _CLIP_INPUTS},
    passthrough={0: _MODEL_UNCHANGED, 1: _CLIP_UNCHANGED},
)
def load_lora(
    *,
    run: Run,
    model: MODEL,
    clip: CLIP,
    lora_name: LoraFileName,
    strength_model: Strength = 1.0,
    strength_clip: Strength = 1.0,
) -> tuple[MODEL, CLIP]:
    """Applies a LoRA to the model and the text encoder, each with its own strength."""
    if strength_model == 0 and strength_clip == 0:
        return model, clip
    file = _open(run, lora_name, model, clip)
    if strength_model != 0:
        model = model.patched(LoraPatch(file, strength_model))
    if strength_clip != 0:
        clip = clip.patched(LoraPatch(file, strength_clip))
    return model, clip


@node(
    "LoraLoaderModelOnly",
    category="loaders",
    light=True,
    passthrough={0: _MODEL_UNCHANGED},
)
def load_lora_model_only(
    *, run: Run, model: MODEL, lora_name: LoraFileName, strength_model: Strength = 1.0
) -> MODEL:
    """Applies a LoRA to the model and leaves the text encoder as it is."""
    if strength_model == 0:
        return model
    file = _open(run, lora_name, model, None)
    return model.patched(LoraPatch(file, strength_model))


def _open(run: Run, name: str, model: Model, clip: Clip | None) -> WeightsFile:
    """The file, once it is sure that it fits; what does not fit is shown on the node."""
    file = WeightsFile.of(run.folders.find("loras", name))
    found = report(read_lora(file), model, clip)
    counts = {"matched_model": found.matched_unet, "matched_clip": found.matched_text}
    run.show("lora", [{"name": found.name, "modules": found.modules, **counts}])
    if found.warning:
        run.show("warnings", [found.warning])
    return file

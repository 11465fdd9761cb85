"""Nodes that put LoRAs on models and text encoders: each appends to a handle, nothing is loaded."""

from typing import Annotated

from engine.graph.native import File, Range, node
from engine.graph.run import Run
from engine.graph.spec import Passthrough
from engine.lora.errors import LoraError
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
    show_matches(run, file, model, clip)
    return file


def show_hook_matches(run: Run, file: WeightsFile, *, on: Model | Clip) -> None:
    """Say on the node what of a hook's LoRA fits `on`. One that fits nothing is a warning: a hook
    has two sides, and many LoRAs have one.
    """
    try:
        show_matches(
            run, file, on if isinstance(on, Model) else None, on if isinstance(on, Clip) else None
        )
    except LoraError as error:
        run.show("warnings", [str(error)])


def show_matches(run: Run, file: WeightsFile, model: Model | None, clip: Clip | None) -> None:
    """Say on the node what of a LoRA fits, and warn of what does not."""
    found = report(read_lora(file), model, clip)
    run.show("lora", [found.as_json()])
    if found.warning:
        run.show("warnings", [found.warning])

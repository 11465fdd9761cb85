"""Nodes that name files of weights. They give handles: no tensor is read before it is used."""

from typing import Annotated

from engine.graph.native import File, node
from engine.graph.run import Run
from engine.weights.checkpoint import inspect_checkpoint
from engine.weights.handles import Clip, Model, Vae, WeightsFile
from nodes.types import CLIP, MODEL, VAE


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
    """Opens a checkpoint: the denoising model, its text encoder and its VAE."""
    file = WeightsFile.of(run.folders.find("checkpoints", ckpt_name))
    inspect_checkpoint(file)
    return Model(file), Clip(file), Vae(file)


@node("VAELoader", "Load VAE", category="loaders", light=True)
def load_vae(*, run: Run, vae_name: Annotated[str, File("vae")]) -> VAE:
    """Opens a VAE from a file of its own."""
    file = WeightsFile.of(run.folders.find("vae", vae_name))
    inspect_checkpoint(file)
    return Vae(file)

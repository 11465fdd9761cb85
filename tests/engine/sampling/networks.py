"""The tiny networks of the vectors, loaded by the engine's own loader.

Head counts cannot be seen in a weights file; these networks have other ones than real ones have.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.weights.calls import TextEncoder, UNet
from engine.weights.checkpoint import inspect_checkpoint
from engine.weights.configs import TextKind
from engine.weights.handles import WeightsFile
from tests.engine.weights.tiny import lend


def tiny_unet(path: Path, **heads: int) -> UNet:
    """The UNet in `path`, float32 on the CPU, with `heads` or `head_width` as given."""
    checkpoint = inspect_checkpoint(WeightsFile.of(path))
    assert checkpoint.unet is not None
    part = replace(checkpoint.unet, config=replace(checkpoint.unet.config, **heads))
    return UNet(lend(part), part.config, checkpoint.trained)


def tiny_text_encoder(path: Path, kind: TextKind = "l", **differs: Any) -> TextEncoder:
    """The CLIP text network in `path` as `kind`, float32 on the CPU, with what `differs`."""
    (found,) = inspect_checkpoint(WeightsFile.of(path)).texts
    config = replace(found.config, kind=kind, **differs)
    part = replace(found, config=config)
    return TextEncoder(lend(part), config)

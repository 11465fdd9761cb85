"""The tiny networks of the vectors, loaded by the engine's own loader.

Head counts cannot be seen in a weights file; these networks have other ones than CLIP and SD1 have.
"""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import torch

from engine.weights.calls import TextEncoder, UNet
from engine.weights.checkpoint import inspect_checkpoint
from engine.weights.handles import WeightsFile
from engine.weights.networks import load_network


def tiny_unet(path: Path, heads: int) -> UNet:
    """The UNet in `path`, float32 on the CPU."""
    checkpoint = inspect_checkpoint(WeightsFile.of(path))
    assert checkpoint.unet is not None
    part = replace(checkpoint.unet, config=replace(checkpoint.unet.config, heads=heads))
    network = load_network(part, torch.device("cpu"), torch.float32)
    return UNet(lambda: nullcontext(network.module), part.config, checkpoint.prediction)


def tiny_text_encoder(path: Path, head_width: int) -> TextEncoder:
    """The CLIP text network in `path`, float32 on the CPU."""
    checkpoint = inspect_checkpoint(WeightsFile.of(path))
    assert checkpoint.text is not None
    config = replace(checkpoint.text.config, head_width=head_width)
    part = replace(checkpoint.text, config=config)
    network = load_network(part, torch.device("cpu"), torch.float32)
    return TextEncoder(lambda: nullcontext(network.module), config)

"""Handles to the parts of files that they mean. Headers only."""

from typing import TypeVar

from engine.weights.checkpoint import inspect_checkpoint
from engine.weights.configs import Config, TextConfig, UnetConfig, VaeConfig
from engine.weights.errors import WeightsError
from engine.weights.handles import Clip, Model, Vae, WeightsFile
from engine.weights.marks import trained
from engine.weights.part import Part
from engine.weights.trained import Trained

# The text networks that some family of models listens to, in the order of their channels.
_TOGETHER = (("l",), ("h",), ("g",), ("l", "g"))
_WORDS = {"l": "CLIP-L", "h": "OpenCLIP-H", "g": "OpenCLIP-G"}


def unet_of(model: Model) -> tuple[Part[UnetConfig], Trained]:
    """The UNet of ``model`` and how it is to be sampled.

    Raises:
        WeightsError: the file is unusable or holds no UNet.
    """
    found = inspect_checkpoint(model.source)
    part = _present(found.unet, model.source, "UNet")
    if not model.marks:
        return part, found.trained
    return part, trained(part, found.trained.family, model.marks)


def texts_of(clip: Clip) -> tuple[Part[TextConfig], ...]:
    """The text networks of ``clip``, CLIP-L before the others.

    Raises:
        WeightsError: a file is unusable or holds none, or no model listens to them together.
    """
    parts: list[Part[TextConfig]] = []
    for source in clip.sources:
        texts = inspect_checkpoint(source).texts
        _present(next(iter(texts), None), source, "text encoder")
        parts += texts
    parts.sort(key=lambda part: "lhg".index(part.config.kind))
    if tuple(part.config.kind for part in parts) not in _TOGETHER:
        named = ", ".join(f"{part.file.name} is {_WORDS[part.config.kind]}" for part in parts)
        raise WeightsError(
            f"No model listens to these text encoders together: {named}. SDXL takes one CLIP-L and "
            "one OpenCLIP-G."
        )
    return tuple(parts)


def vae_of(vae: Vae) -> Part[VaeConfig]:
    """The autoencoder of ``vae``. Raises WeightsError as ``unet_of``."""
    return _present(inspect_checkpoint(vae.source).vae, vae.source, "VAE")


_C = TypeVar("_C", bound=Config)


def _present(part: Part[_C] | None, file: WeightsFile, what: str) -> Part[_C]:
    if part is None:
        raise WeightsError(f"{file.name} holds no {what}; connect one from another file.")
    return part

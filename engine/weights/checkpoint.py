"""A file of weights as its header tells it: family, parts, configurations.

No tensor bytes are read but a few hundred that say what a UNet was trained to predict.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from engine.weights.configs import TextConfig, TextKind, UnetConfig, VaeConfig
from engine.weights.detect import (
    FamilyError,
    Found,
    Shapes,
    openclip_config,
    seems_to_be,
    text_config,
    vae_config,
)
from engine.weights.detect_unet import ROOTS, unet_config
from engine.weights.errors import WeightsError
from engine.weights.handles import WeightsFile
from engine.weights.layouts import places
from engine.weights.ldm import TEXT_PREFIX, UNET_PREFIX, VAE_PREFIX
from engine.weights.marks import trained
from engine.weights.part import Part, listed
from engine.weights.tensors import catalogue
from engine.weights.trained import Trained

# Some converted files leave out the inner name that the others have.
_TEXT_ROOT = "text_model."
# Where networks are in a file; "" stands for a file that holds nothing else.
_UNET_PREFIXES = (UNET_PREFIX, "unet.", "")
_VAE_PREFIXES = (VAE_PREFIX, "vae.", "")
# A place in a checkpoint says which text network it is; elsewhere its size does.
_TEXT_PLACES: tuple[tuple[str, TextKind | None], ...] = (
    (TEXT_PREFIX, None),
    ("conditioner.embedders.0.transformer.", "l"),
    ("cond_stage_model.model.", "h"),
    ("conditioner.embedders.0.model.", "g"),
    ("conditioner.embedders.1.model.", "g"),
    ("text_encoder.", None),
    ("text_encoder_2.", None),
    ("", None),
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is in a file.

    Attributes:
        trained: how the UNet, if there is one, is to be sampled.
        unet: None when the file has none.
        texts: its text networks, CLIP-L before the others.
        vae: None when the file has none.
    """

    file: WeightsFile
    trained: Trained
    unet: Part[UnetConfig] | None
    texts: tuple[Part[TextConfig], ...]
    vae: Part[VaeConfig] | None


@lru_cache(maxsize=256)
def inspect_checkpoint(file: WeightsFile) -> Checkpoint:
    """Read what ``file`` is from its header; remembered while the file is unchanged.

    Raises:
        WeightsError: the file is damaged, is not of the Stable Diffusion family (the text says
            what it seems to be), or lacks some of the weights of a part that it has.
    """
    header = catalogue(file)
    shapes = {name: entry.shape for name, entry in header.tensors.items()}
    try:
        unet, how = _unet(file, shapes)
        texts = tuple(_texts(file, shapes))
        vae = _vae(file, shapes)
    except FamilyError as error:
        raise WeightsError(f"{file.name} cannot be used: {error}.") from error
    if unet is None and not texts and vae is None:
        raise WeightsError(
            f"{file.name} is not a model of the Stable Diffusion family: "
            f"it seems to be {seems_to_be(shapes)}."
        )
    if unet is not None:
        unet.check_complete("UNet")
    for text in texts:
        text.check_complete("text encoder")
    if vae is not None:
        vae.check_complete("VAE")
    return Checkpoint(file, how, unet, texts, vae)


def _unet(file: WeightsFile, shapes: Shapes) -> tuple[Part[UnetConfig] | None, Trained]:
    for prefix in _UNET_PREFIXES:
        below = _below(shapes, prefix)
        found = unet_config(below)
        if found is not None:
            network, family = found
            _check_nothing_else(network, below)
            part = Part(file, network.config, network.layout, prefix)
            return part, trained(part, family)
    return None, Trained()


def _check_nothing_else(network: Found[UnetConfig], below: Shapes) -> None:
    """A UNet with weights that ours has no use for would paint something else in silence."""
    used = {place.name for place in places(network.config, network.layout).values()}
    roots = ROOTS[network.layout]
    more = sorted(name for name in below.keys() - used if name.startswith(roots))
    if more:
        raise FamilyError(
            f"its UNet has {len(more)} weights that a Stable Diffusion model has not "
            f"({listed(more)})"
        )


def _vae(file: WeightsFile, shapes: Shapes) -> Part[VaeConfig] | None:
    for prefix in _VAE_PREFIXES:
        found = vae_config(_below(shapes, prefix))
        if found is not None:
            return Part(file, found.config, found.layout, prefix)
    return None


def _texts(file: WeightsFile, shapes: Shapes) -> Iterator[Part[TextConfig]]:
    for prefix, kind in _TEXT_PLACES:
        below = _below(shapes, prefix)
        for names, omitted in ((below, ""), (_rooted(below), _TEXT_ROOT)):
            found = text_config(names, kind) or openclip_config(names, kind)
            if found is not None:
                yield Part(file, found.config, found.layout, prefix, omitted)
                break


def _rooted(below: Shapes) -> Shapes:
    outside = "text_projection"
    return {
        name if name.startswith(outside) else _TEXT_ROOT + name: shape
        for name, shape in below.items()
    }


def _below(shapes: Shapes, prefix: str) -> Shapes:
    start = len(prefix)
    return {name[start:]: shape for name, shape in shapes.items() if name.startswith(prefix)}

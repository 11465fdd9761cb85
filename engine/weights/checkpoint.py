"""A checkpoint as its header tells it: family, parts, configurations. No tensor bytes are read."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, TypeVar

from engine.weights.configs import Config, TextConfig, UnetConfig, VaeConfig
from engine.weights.detect import FamilyError, seems_to_be, text_config, unet_config, vae_config
from engine.weights.errors import WeightsError
from engine.weights.handles import WeightsFile
from engine.weights.ldm import TEXT_PREFIX, UNET_PREFIX, VAE_PREFIX, names
from engine.weights.tensors import catalogue

# Some converted files leave out the inner name that the others have.
_TEXT_ROOT = "text_model."


C_co = TypeVar("C_co", bound=Config, covariant=True)


@dataclass(frozen=True, slots=True)
class Part(Generic[C_co]):
    """One network inside a file.

    Attributes:
        config: what the network looks like.
        prefix: what stands before its names in this file.
        omitted: a beginning of the layout's names that this file leaves out.
    """

    file: WeightsFile
    config: C_co
    prefix: str
    omitted: str = ""

    def place(self, live: str) -> str:
        """The name in the file of parameter ``live`` of the network."""
        return self.prefix + names(self.config).file_of[live].removeprefix(self.omitted)

    def shape(self, live: str) -> tuple[int, ...]:
        """The shape, as the live network has it, of a parameter."""
        shape = catalogue(self.file).tensors[self.place(live)].shape
        return names(self.config).live_shape(live, shape)

    @property
    def parameters(self) -> int:
        """How many numbers the network has."""
        tensors = catalogue(self.file).tensors
        return sum(tensors[self.place(live)].count for live in names(self.config).file_of)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is in a file; a part that the file lacks is None.

    Attributes:
        family: "sd1", the only one there is so far.
        prediction: what the UNet predicts, "eps" or "v".
    """

    file: WeightsFile
    family: str
    prediction: str
    unet: Part[UnetConfig] | None
    text: Part[TextConfig] | None
    vae: Part[VaeConfig] | None


@lru_cache(maxsize=256)
def inspect_checkpoint(file: WeightsFile) -> Checkpoint:
    """Read what ``file`` is from its header; remembered while the file is unchanged.

    Raises:
        WeightsError: the file is damaged, is not a checkpoint of the SD1 family (the text says
            what it seems to be), or lacks some of the weights of a part that it has.
    """
    header = catalogue(file)
    shapes = {name: entry.shape for name, entry in header.tensors.items()}
    try:
        unet = _unet(file, shapes)
        text = _text(file, shapes)
        vae = _vae(file, shapes)
    except FamilyError as error:
        raise WeightsError(
            f"{file.name} is not a Stable Diffusion 1 checkpoint: {error}."
        ) from error
    if unet is None and text is None and vae is None:
        raise WeightsError(
            f"{file.name} is not a Stable Diffusion 1 checkpoint: "
            f"it seems to be {seems_to_be(shapes)}."
        )
    for part, what in ((unet, "UNet"), (text, "text encoder"), (vae, "VAE")):
        if part is not None:
            _check_complete(part, what)
    says_v = "v_pred" in shapes or header.metadata.get("modelspec.prediction_type") == "v"
    return Checkpoint(file, "sd1", "v" if says_v else "eps", unet, text, vae)


_Shapes = dict[str, tuple[int, ...]]


def _unet(file: WeightsFile, shapes: _Shapes) -> Part[UnetConfig] | None:
    config = unet_config(_below(shapes, UNET_PREFIX))
    return None if config is None else Part(file, config, UNET_PREFIX)


def _vae(file: WeightsFile, shapes: _Shapes) -> Part[VaeConfig] | None:
    """A VAE inside a checkpoint, or a file that is one and has no prefix."""
    for prefix in (VAE_PREFIX, ""):
        config = vae_config(_below(shapes, prefix))
        if config is not None:
            return Part(file, config, prefix)
    return None


def _text(file: WeightsFile, shapes: _Shapes) -> Part[TextConfig] | None:
    below = _below(shapes, TEXT_PREFIX)
    config = text_config(below)
    if config is not None:
        return Part(file, config, TEXT_PREFIX)
    config = text_config({_TEXT_ROOT + name: shape for name, shape in below.items()})
    if config is None:
        return None
    return Part(file, config, TEXT_PREFIX, omitted=_TEXT_ROOT)


def _below(shapes: _Shapes, prefix: str) -> _Shapes:
    start = len(prefix)
    return {name[start:]: shape for name, shape in shapes.items() if name.startswith(prefix)}


def _check_complete(part: Part[Config], what: str) -> None:
    needed = [part.place(live) for live in names(part.config).file_of]
    there = catalogue(part.file).tensors
    missing = [name for name in needed if name not in there]
    if missing:
        shown = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise WeightsError(
            f"{part.file.name} lacks {len(missing)} of the {len(needed)} weights of its {what} "
            f"({shown}); it is incomplete or of a kind that is not supported."
        )

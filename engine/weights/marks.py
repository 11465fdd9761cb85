"""What a UNet was trained to predict, by the marks that its file carries.

Source: section 4.4 of the sampling specification. Marks are tensors whose names say something, or
whose few numbers do; everything else is left to shapes.
"""

from dataclasses import replace
from math import isfinite

from engine.weights.configs import LATENT_CHANNELS, UnetConfig
from engine.weights.errors import WeightsError
from engine.weights.header import Header
from engine.weights.part import Part
from engine.weights.tensors import TensorFile, catalogue
from engine.weights.trained import Family, Trained

_LATENTS: dict[Family, str] = {
    "sd1": "SD15",
    "sd2": "SD15",
    "sdxl": "SDXL",
    "sdxl_refiner": "SDXL",
}
# By how many channels there are beside the latent.
_CONCAT = {0: (), 4: ("image",), 5: ("mask", "masked_image")}
# Biases of the last attention's first norm spread more in SD2's v models than in its eps models.
_SPREAD_OF_V = 0.09
_EDM_LOWEST = 0.002
_EDM_HIGHEST = 80.0


def trained(part: Part[UnetConfig], family: Family, more: frozenset[str] = frozenset()) -> Trained:
    """How the UNet ``part`` of ``family`` is to be sampled.

    ``more`` are marks that say something though they are not in the file ("v_pred", "ztsnr").

    Raises:
        WeightsError: a mark that should be a number is none.
    """
    header, config = catalogue(part.file), part.config
    base = Trained(
        family=family,
        latents=_LATENTS[family],
        concat=_CONCAT[config.channels - LATENT_CHANNELS],
        vector=config.vector,
    )
    return _marked(base, part, header, more)


def _marked(base: Trained, part: Part[UnetConfig], header: Header, more: frozenset[str]) -> Trained:
    marks = header.tensors.keys() | more
    if {"edm_mean", "edm_std"} <= marks:
        return replace(
            base,
            prediction="edm",
            sigmas=(_EDM_LOWEST, _EDM_HIGHEST),
            latents="SDXL_Playground_2_5",
        )
    if "edm_vpred.sigma_max" in marks:
        highest = _number(part, "edm_vpred.sigma_max")
        lowest = _EDM_LOWEST
        if "edm_vpred.sigma_min" in marks:
            lowest = _number(part, "edm_vpred.sigma_min")
        # The models of this kind that edit see their picture as they see the latent.
        concat = tuple("scaled_image" if one == "image" else one for one in base.concat)
        return replace(base, prediction="v", sigmas=(lowest, highest), concat=concat)
    says_v = "v_pred" in marks or header.metadata.get("modelspec.prediction_type") == "v"
    if says_v or _spreads_as_v(base, part):
        return replace(base, prediction="v", zero_snr="ztsnr" in marks)
    return base


def _number(part: Part[UnetConfig], name: str) -> float:
    with TensorFile(part.file) as tensors:
        found = tensors.read(name).flatten().tolist()
    if len(found) != 1 or not isfinite(found[0]) or found[0] <= 0:
        raise WeightsError(f"{part.file.name}: {name} is not one number above 0.")
    return float(found[0])


def _spreads_as_v(base: Trained, part: Part[UnetConfig]) -> bool:
    """SD2 files of both kinds have the same shapes; their weights tell them apart."""
    config = part.config
    if base.family != "sd2" or config.channels != LATENT_CHANNELS or not config.depths[0]:
        return False
    last = f"up_blocks.{len(config.widths) - 1}.attentions.{config.resnets}"
    bias = part.place(f"{last}.transformer_blocks.0.norm1.bias")
    if bias.name not in catalogue(part.file).tensors:
        return False  # incomplete, as whoever asks is told
    with TensorFile(part.file) as tensors:
        return bool(tensors.read(bias.name).double().std(unbiased=False) > _SPREAD_OF_V)

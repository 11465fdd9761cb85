"""Nodes for drawing a part of a picture anew."""

from typing import Annotated, Any

import torch

from engine.graph.native import Range, node
from engine.graph.run import Run
from engine.sampling.inpaint import grey_out, grow
from engine.sampling.mixing import with_values
from nodes.autoencoders import autoencoder
from nodes.types import CONDITIONING, IMAGE, LATENT, MASK, VAE

_CATEGORY = "latent/inpaint"
_OUTPUTS = ("positive", "negative", "latent")


@node("SetLatentNoiseMask", "Set Latent Noise Mask", category=_CATEGORY)
def set_latent_noise_mask(*, samples: LATENT, mask: MASK) -> LATENT:
    """Keeps a latent as it is where the mask is black."""
    return {**samples, "noise_mask": mask.reshape(-1, 1, *mask.shape[-2:])}


@node("VAEEncodeForInpaint", "VAE Encode (for Inpainting)", category=_CATEGORY, lane="device")
def vae_encode_for_inpaint(
    *,
    run: Run,
    pixels: IMAGE,
    vae: VAE,
    mask: MASK,
    grow_mask_by: Annotated[int, Range(0, 64, 1)] = 6,
) -> LATENT:
    """Encodes a picture with the masked part greyed out, to draw that part anew from nothing."""
    encoder = autoencoder(vae, run)
    grey, full = grey_out(pixels, mask, factor=encoder.factor)
    return {"samples": encoder.encode(grey), "noise_mask": grow(full, grow_mask_by)}


@node(
    "InpaintModelConditioning",
    category="conditioning/inpaint",
    lane="device",
    output_names=_OUTPUTS,
)
def inpaint_model_conditioning(
    *,
    run: Run,
    positive: CONDITIONING,
    negative: CONDITIONING,
    vae: VAE,
    pixels: IMAGE,
    mask: MASK,
    noise_mask: bool = True,
) -> tuple[CONDITIONING, CONDITIONING, LATENT]:
    """Shows a model that was trained for inpainting the picture around the mask.

    With noise_mask what is not masked also stays exactly as it is.
    """
    encoder = autoencoder(vae, run)
    grey, full = grey_out(pixels, mask, factor=encoder.factor)
    shown = {"concat_latent_image": encoder.encode(grey), "concat_mask": full}
    latent: dict[str, Any] = {"samples": encoder.encode(pixels[..., :3])}
    if noise_mask:
        latent["noise_mask"] = full
    return with_values(positive, **shown), with_values(negative, **shown), latent


@node(
    "InstructPixToPixConditioning",
    category="conditioning/instructpix2pix",
    lane="device",
    output_names=_OUTPUTS,
)
def instruct_pix_to_pix_conditioning(
    *, run: Run, positive: CONDITIONING, negative: CONDITIONING, vae: VAE, pixels: IMAGE
) -> tuple[CONDITIONING, CONDITIONING, LATENT]:
    """Shows an InstructPix2Pix model the picture that it is to change."""
    encoded = autoencoder(vae, run).encode(pixels[..., :3])
    shown = {"concat_latent_image": encoded}
    blank = {"samples": torch.zeros_like(encoded)}
    return with_values(positive, **shown), with_values(negative, **shown), blank

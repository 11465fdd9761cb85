"""What inpainting needs beside a noise mask: the extra channels of networks trained for it, and
pictures with a part greyed out. Spec section 8.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from engine.sampling.facts import RunFacts
from engine.sampling.latent_format import LatentFormat
from engine.sampling.mask import latent_mask
from engine.sampling.resize import center_cropped, resized

# A grey picture in the model space of SD1, which stands for "nothing is known of the picture".
_BLANK = (0.8223, -0.6876, 0.6364, 0.1380)


def concat_channels(
    keys: Sequence[str], options: Mapping[str, Any], facts: RunFacts, form: LatentFormat
) -> Tensor | None:
    """The channels that go beside the latent, float32 [B, n, h, w]; None for `keys` without any.

    `keys` are "mask" (1 channel, 1 where the picture is made anew) and "masked_image" (a latent of
    the picture without that part). They come from a CONDITIONING entry's `concat_mask` and
    `concat_latent_image`, or else from the run's noise mask and latent; without any mask everything
    is made anew. Or "image", a latent of the picture that is to be changed, unscaled as it is on
    LATENT links, and "scaled_image", the same in model space; zeros where a prompt brings none.
    """
    parts = [_PARTS[key](options, facts, form) for key in keys]
    return torch.cat(parts, dim=1) if parts else None


def _mask_or_ones(options: Mapping[str, Any], facts: RunFacts, _: LatentFormat) -> Tensor:
    mask = _mask(options, facts)
    return torch.ones_like(facts.latent[:, :1]) if mask is None else mask


def _masked_image(options: Mapping[str, Any], facts: RunFacts, form: LatentFormat) -> Tensor:
    if _mask(options, facts) is None:
        return facts.latent.new_tensor(_BLANK).reshape(1, -1, 1, 1).expand_as(facts.latent)
    if options.get("concat_latent_image") is None:
        return facts.latent
    return _scaled_image(options, facts, form)


def _scaled_image(options: Mapping[str, Any], facts: RunFacts, form: LatentFormat) -> Tensor:
    given = options.get("concat_latent_image")
    return (
        torch.zeros_like(facts.latent) if given is None else _shown(form.process_in(given), facts)
    )


def _image(options: Mapping[str, Any], facts: RunFacts, _: LatentFormat) -> Tensor:
    given = options.get("concat_latent_image")
    return torch.zeros_like(facts.latent) if given is None else _shown(given, facts)


_PARTS = {
    "mask": _mask_or_ones,
    "masked_image": _masked_image,
    "image": _image,
    "scaled_image": _scaled_image,
}


def _shown(image: Tensor, facts: RunFacts) -> Tensor:
    """`image` [b, 4, h, w] with the size, batch and device of the run's latent."""
    return resample_batch(_fitted(image.to(facts.latent), facts.latent), facts.latent.shape[0])


def _mask(options: Mapping[str, Any], facts: RunFacts) -> Tensor | None:
    latent, given = facts.latent, options.get("concat_mask")
    if given is not None:
        mask = _fitted(given.to(latent).reshape(-1, 1, *given.shape[-2:]), latent)
    elif facts.mask is not None:
        mask = latent_mask(facts.mask, latent)[:, :1]
    else:
        return None
    return resample_batch(mask.round(), latent.shape[0])


def _fitted(x: Tensor, latent: Tensor) -> Tensor:
    """The middle of `x` [b, c, h, w] at the size of `latent`."""
    height, width = latent.shape[-2:]
    if x.shape[-2:] == latent.shape[-2:]:
        return x
    return resized(center_cropped(x, height, width), height, width, "bilinear")


def resample_batch(tensor: Tensor, size: int) -> Tensor:
    """`tensor` [b, ...] as [size, ...]: items spread evenly, none mixed."""
    b = tensor.shape[0]
    if b == size:
        return tensor
    if size < b:
        scale = (b - 1) / (size - 1) if size > 1 else 0.0
        index = [round(i * scale) for i in range(size)]
    else:
        index = [math.floor((i + 0.5) * b / size) for i in range(size)]
    return tensor[index]


def grey_out(pixels: Tensor, mask: Tensor, *, factor: int = 8) -> tuple[Tensor, Tensor]:
    """Pictures [B, H, W, 3] cut to multiples of `factor`, grey where `mask` [b, h, w] rounds to 1,
    and the mask at their size, [b, 1, H', W'], as it was before rounding.
    """
    height, width = pixels.shape[1:3]
    flat = mask.reshape(-1, 1, *mask.shape[-2:]).float()
    full = torch.nn.functional.interpolate(flat, size=(height, width), mode="bilinear")
    top, left = (height % factor) // 2, (width % factor) // 2
    rows = slice(top, top + height // factor * factor)
    columns = slice(left, left + width // factor * factor)
    full = full[..., rows, columns]
    keep = (1 - full.round()).movedim(1, -1)
    if len(pixels) > 1:  # of one picture every mask makes another
        keep = resample_batch(keep, len(pixels))
    return (pixels[:, rows, columns, :3] - 0.5) * keep + 0.5, full


def grow(mask: Tensor, by: int) -> Tensor:
    """`mask` [b, 1, h, w], rounded, with every 1 spread over `by` x `by` cells; 0 spreads nothing.

    An even `by` reaches one cell further down and right than up and left.
    """
    rounded = mask.round()
    if by == 0:
        return rounded
    padding = math.ceil((by - 1) / 2)
    spread = torch.nn.functional.conv2d(rounded, mask.new_ones(1, 1, by, by), padding=padding)
    return spread.clamp(0, 1)[..., : mask.shape[-2], : mask.shape[-1]].round()

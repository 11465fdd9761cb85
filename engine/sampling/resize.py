"""Latents of another size, as the reference's nodes resize them."""

import torch
from torch import Tensor
from torch.nn.functional import interpolate

METHODS = ("bislerp", "nearest-exact", "bilinear", "area", "bicubic")

# Vectors whose cosine is this close to 1 or -1 have no plane to turn in.
_SAME = 1e-5


def resized(latent: Tensor, height: int, width: int, method: str) -> Tensor:
    """`latent` [B, C, h, w] as [B, C, height, width]; `method` is one of `METHODS`.

    "bislerp" turns from one channel vector to the next instead of mixing them, which keeps their
    length. Raises ValueError for an unknown method.
    """
    if method not in METHODS:
        raise ValueError(
            f'There is no way to resize called "{method}". Choose one of: {", ".join(METHODS)}.'
        )
    if method == "bislerp":
        wide = _slerped(latent.movedim(1, -1), width)
        return _slerped(wide.transpose(1, 2), height).transpose(1, 2).movedim(-1, 1)
    return interpolate(latent, size=(height, width), mode=method)


def center_cropped(x: Tensor, height: int, width: int) -> Tensor:
    """The middle of `x` [B, C, h, w] with sides as `height` to `width`, as near as whole cells
    allow: what is cut before resizing so that nothing is distorted.
    """
    own_height, own_width = x.shape[-2:]
    own, wanted = own_width / own_height, width / height
    left = round((own_width - own_width * (wanted / own)) / 2) if own > wanted else 0
    top = round((own_height - own_height * (own / wanted)) / 2) if own < wanted else 0
    return x[..., top : own_height - top, left : own_width - left]


def _slerped(rows: Tensor, size: int) -> Tensor:
    """`rows` [B, r, n, C] as [B, r, size, C], each vector between its two nearest."""
    n = rows.shape[2]
    place = ((torch.arange(size, device=rows.device) + 0.5) * (n / size) - 0.5).clamp(0, n - 1)
    low = place.floor().long()
    high = (low + 1).clamp(max=n - 1)
    part = (place - low)[:, None]
    return _slerp(rows[:, :, low], rows[:, :, high], part)


def _slerp(one: Tensor, other: Tensor, part: Tensor) -> Tensor:
    """Between `one` and `other` [..., C], `part` [..., 1] of the angle and of the length."""
    lengths = one.norm(dim=-1, keepdim=True), other.norm(dim=-1, keepdim=True)
    here, there = (
        torch.where(length > 0, vector / length, 0.0)
        for vector, length in zip((one, other), lengths, strict=True)
    )
    cosine = (here * there).sum(-1, keepdim=True)
    angle = cosine.acos()
    turned = ((1 - part) * angle).sin() * here + (part * angle).sin() * there
    turned = turned / angle.sin() * (lengths[0] * (1 - part) + lengths[1] * part)
    turned = torch.where(cosine > 1 - _SAME, one, turned)
    return torch.where(cosine < _SAME - 1, one * (1 - part) + other * part, turned)

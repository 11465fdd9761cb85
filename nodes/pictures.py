"""Pictures as tensors and as files, through Pillow."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, ImageSequence, PngImagePlugin, UnidentifiedImageError
from torch import Tensor


class PictureError(ValueError):
    """A file that is no picture we can read. The text names it."""


def read_picture(path: Path) -> tuple[Tensor, Tensor]:
    """Frames [B, H, W, 3] float32 0..1 and mask [B, H, W] float32 (1 where transparent).

    Turned upright by EXIF; frames of another size than the first are left out. Without
    transparency the mask is [1, 64, 64] of zeros, which stands for "no mask" in workflows.

    Raises:
        PictureError: not a picture, damaged, or too large.
    """
    try:
        with Image.open(path) as image:
            frames = [ImageOps.exif_transpose(frame) for frame in ImageSequence.Iterator(image)]
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise PictureError(f"'{path.name}' cannot be read as a picture: {error}.") from error
    except Image.DecompressionBombError as error:
        raise PictureError(f"'{path.name}' has too many pixels to be opened safely.") from error
    frames = [frame for frame in frames if frame.size == frames[0].size]
    pixels = torch.stack([_pixels(frame) for frame in frames])
    masks = [_mask(frame) for frame in frames]
    if any(mask is None for mask in masks):
        return pixels, torch.zeros(1, 64, 64)
    return pixels, torch.stack([mask for mask in masks if mask is not None])


def png_bytes(picture: Tensor, texts: Mapping[str, str], compression: int) -> bytes:
    """``picture`` [H, W, C] float32 as an 8-bit PNG with a ``tEXt`` chunk for each of ``texts``.

    Values are clipped to 0..1, multiplied by 255 and truncated, as every picture of this
    ecosystem is.
    """
    array = (picture.float().cpu().numpy() * 255.0).clip(0, 255).astype(np.uint8)
    chunks = PngImagePlugin.PngInfo()
    for keyword, text in texts.items():
        chunks.add_text(keyword, text)
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "png", pnginfo=chunks, compress_level=compression)
    return buffer.getvalue()


def _pixels(frame: Image.Image) -> Tensor:
    """[H, W, 3] float32 0..1."""
    if frame.mode.startswith("I"):  # 16 bits a pixel; Pillow's own conversion would clip them
        grey = torch.from_numpy(np.asarray(frame, dtype=np.float32) / 65535.0)
        return grey.clamp(0, 1).unsqueeze(-1).expand(-1, -1, 3).contiguous()
    return torch.from_numpy(np.asarray(frame.convert("RGB"), dtype=np.float32) / 255.0)


def _mask(frame: Image.Image) -> Tensor | None:
    """[H, W] float32, 1 where fully transparent; None when nothing says so."""
    if "A" in frame.getbands() or "transparency" in frame.info:
        alpha = frame.convert("RGBA").getchannel("A")
        return 1.0 - torch.from_numpy(np.asarray(alpha, dtype=np.float32) / 255.0)
    return None

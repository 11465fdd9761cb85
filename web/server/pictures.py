"""Opening pictures that came from outside: only known formats, only so many pixels.

Pillow is imported when the first picture is looked at, not when the server starts.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
_SUFFIXES = {"JPEG": ".jpg", "TIFF": ".tif"}
MAX_PIXELS = 2**27


class PictureRefused(ValueError):
    """A file that is no picture, or one too large to open. The text is a sentence."""


@contextmanager
def open_picture(source: "Path | IO[bytes]") -> "Iterator[Image]":
    """The picture in a file, decoded.

    Raises:
        PictureRefused: no known format, more than ``MAX_PIXELS``, or damaged.
    """
    with _opened(source) as picture:
        try:
            picture.load()
        except (OSError, ValueError, SyntaxError, MemoryError) as error:
            raise PictureRefused(f"The picture is damaged: {error}.") from error
        yield picture


def suffix_of(source: IO[bytes]) -> str:
    """The usual file suffix of the picture in a stream, by its header: ``.png``.

    Raises:
        PictureRefused: as ``open_picture``; the pixels are not decoded.
    """
    with _opened(source) as picture:
        format_ = str(picture.format)
    return _SUFFIXES.get(format_, f".{format_.lower()}")


@contextmanager
def _opened(source: "Path | IO[bytes]") -> "Iterator[Image]":
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - see the top of the file

    known = [name for name in FORMATS if name in Image.registered_extensions().values()]
    try:
        picture = Image.open(source, formats=known)
    except UnidentifiedImageError as error:
        raise PictureRefused("The file is no picture that this server knows.") from error
    except Image.DecompressionBombError as error:
        raise PictureRefused("The picture has too many pixels to be opened.") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise PictureRefused(f"The picture cannot be read: {error}.") from error
    with picture:
        width, height = picture.size
        if width * height > MAX_PIXELS:
            raise PictureRefused(
                f"The picture has {width} × {height} pixels; the most is {MAX_PIXELS:,} pixels."
            )
        yield picture

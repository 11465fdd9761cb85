"""``GET /view``: pictures and other files of the input, output and temp folders.

What a browser could run (HTML, SVG, scripts, PDF) is handed out as a download in a sandbox.
"""

import asyncio
import io
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from aiohttp import hdrs, web

from engine.files.confine import PathRefused, confine
from engine.files.folders import PLACES, split_annotation
from web.server.answers import refuse
from web.server.keys import FOLDERS
from web.server.pictures import PictureRefused, open_picture

# By suffix: what is shown in place. Everything else is a download.
_SHOWN = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".bmp": "image/bmp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".avif": "image/avif",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".mov": "video/quicktime",
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
}
_IMAGE_AGE = "private, max-age=86400"


async def view(request: web.Request) -> web.StreamResponse:
    """``GET /view?filename=&subfolder=&type=&preview=&channel=``."""
    path = _path(request)
    channel = request.query.get("channel", "rgba")
    if "preview" in request.query:
        return await _encoded(path, _preview, request.query["preview"], channel)
    if channel in ("rgb", "a"):
        return await _encoded(path, _channel, channel)
    return _file(path)


def _path(request: web.Request) -> Path:
    """The file asked for. Raises ``Refused``."""
    query = request.query
    if "filename" not in query:
        refuse(404, "not_found", "No file name was given.")
    name, place = split_annotation(query["filename"], query.get("type", "output"))
    if not name or place not in PLACES:
        refuse(400, "invalid_query", "A file name and a type (input, output, temp) are needed.")
    root, subfolder = request.app[FOLDERS].place(place), query.get("subfolder", "")
    try:
        confine(root, subfolder)
    except PathRefused as error:
        refuse(403, "path_refused", str(error))
    try:
        confine(root, name)
        name = name.rpartition("/")[2]  # folders are named by `subfolder` only
        path = confine(root, f"{subfolder}/{name}" if subfolder else name)
    except PathRefused as error:
        refuse(400, "path_refused", str(error))
    if not path.is_file():
        refuse(404, "not_found", f"There is no file '{name[:80]}' in the {place} folder.")
    return path


def _file(path: Path) -> web.FileResponse:
    shown = _SHOWN.get(path.suffix.lower())
    headers: dict[str, str] = {
        hdrs.CACHE_CONTROL: _IMAGE_AGE if (shown or "").startswith("image/") else "no-cache"
    }
    if shown is None:
        headers |= {
            hdrs.CONTENT_TYPE: "application/octet-stream",
            hdrs.CONTENT_DISPOSITION: _disposition(path, "attachment; "),
            "Content-Security-Policy": "sandbox; default-src 'none'",
        }
    else:
        headers |= {hdrs.CONTENT_TYPE: shown, hdrs.CONTENT_DISPOSITION: _disposition(path)}
    return web.FileResponse(path, headers=headers)


def _disposition(path: Path, kind: str = "") -> str:
    """Old clients look for ``filename="..."`` alone; other letters need the extended form."""
    plain = "".join(
        c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in path.name
    )
    if plain == path.name:
        return f'{kind}filename="{plain}"'
    return f"{kind or 'inline; '}filename=\"{plain}\"; filename*=UTF-8''{quote(path.name, safe='')}"


async def _encoded(
    path: Path, encode: Callable[..., tuple[bytes, str]], *arguments: str
) -> web.Response:
    try:
        body, mime = await asyncio.to_thread(encode, path, *arguments)
    except PictureRefused as error:
        refuse(400, "no_picture", str(error))
    except (OSError, ValueError) as error:
        refuse(400, "no_picture", f"The picture cannot be shown this way: {error}.")
    return web.Response(
        body=body,
        content_type=mime,
        headers={
            hdrs.CONTENT_DISPOSITION: _disposition(path),
            hdrs.CACHE_CONTROL: _IMAGE_AGE,
        },
    )


def _preview(path: Path, wanted: str, channel: str) -> tuple[bytes, str]:
    """``webp;90`` or ``jpeg;75``: the picture encoded again, smaller."""
    format_, _, quality_text = wanted.partition(";")
    quality = int(quality_text) if quality_text.isdecimal() and len(quality_text) < 4 else 90
    if format_ not in ("webp", "jpeg") or "a" in channel:
        format_ = "webp"
    with open_picture(path) as picture:
        opaque = format_ == "jpeg" or channel == "rgb"
        buffer = io.BytesIO()
        (picture.convert("RGB") if opaque else picture).save(
            buffer, format=format_, quality=min(max(quality, 1), 100)
        )
    return buffer.getvalue(), f"image/{format_}"


def _channel(path: Path, channel: str) -> tuple[bytes, str]:
    """The colours without alpha, or the alpha alone (opaque where there is none)."""
    with open_picture(path) as picture:
        if channel == "rgb":
            shown = picture.convert("RGB")
        else:
            from PIL import Image  # noqa: PLC0415 - only who looks at masks needs it

            alpha = picture.convert("RGBA").getchannel("A")
            shown = Image.new("RGBA", picture.size)
            shown.putalpha(alpha)
        buffer = io.BytesIO()
        shown.save(buffer, format="PNG")
    return buffer.getvalue(), "image/png"

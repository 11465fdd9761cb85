"""``POST /upload/image``: a picture from outside, into the input folder (or output, or temp).

It is counted while it streams in, looked at as a picture before it gets a name, and put in place in
one step. Nothing is overwritten unless asked.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO

from aiohttp import BodyPartReader, web

from engine.files.confine import PathRefused, confine
from engine.files.folders import IMAGE_SUFFIXES, PLACES
from web.server.answers import answer, refuse
from web.server.keys import FOLDERS, OPTIONS
from web.server.pictures import PictureRefused, open_picture, suffix_of

_IN_MEMORY = 2**20
_CHUNK = 2**16
_MAX_FIELD = 2**16
_MAX_PARTS = 32


@dataclass(frozen=True, slots=True)
class _Target:
    """Where an upload shall go."""

    root: Path
    subfolder: str
    name: str
    overwrite: bool


async def upload_image(request: web.Request) -> web.Response:
    """Takes ``image``, ``type``, ``subfolder``, ``overwrite``; answers the name really used."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        fields = await _receive(request, file)
        name = fields.get("image")
        if not name:
            refuse(400, "no_image", "The request holds no part 'image' with a file name.")
        place = fields.get("type") or "input"
        if place not in PLACES:
            refuse(400, "invalid_type", f"'{place[:80]}' is none of input, output, temp.")
        subfolder = fields.get("subfolder", "").strip("/")
        target = _Target(
            request.app[FOLDERS].place(place),
            subfolder,
            name,
            fields.get("overwrite") in ("true", "1"),
        )
        try:
            used = await asyncio.to_thread(_keep, file, target)
        except PictureRefused as error:
            refuse(400, "no_picture", str(error))
        except PathRefused as error:
            refuse(400, "path_refused", str(error))
        except OSError as error:
            refuse(507, "not_written", f"The file cannot be written: {error.strerror}.")
    return answer({"name": used, "subfolder": subfolder, "type": place})


async def _receive(request: web.Request, file: IO[bytes]) -> Mapping[str, str]:
    """The text fields; the picture goes into ``file`` and its name into the field ``image``."""
    if not request.content_type.startswith("multipart/"):
        refuse(400, "no_multipart", "An upload must be sent as multipart/form-data.")
    fields: dict[str, str] = {}
    left = request.app[OPTIONS].max_upload_size
    try:
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            if not isinstance(part, BodyPartReader) or len(fields) >= _MAX_PARTS:
                refuse(400, "invalid_multipart", "The upload has too many or nested parts.")
            if part.name == "image" and part.filename is not None and "image" not in fields:
                fields["image"] = part.filename
                await _stream(part, file, left)
            else:
                text = await _text(part)
                fields.setdefault(part.name or "", text)
    except (ValueError, AssertionError, EOFError, LookupError) as error:
        refuse(400, "invalid_multipart", "The upload is damaged.", str(error)[:200])
    return fields


async def _stream(part: BodyPartReader, file: IO[bytes], limit: int) -> None:
    size = 0
    while chunk := await part.read_chunk(_CHUNK):
        size += len(chunk)
        if size > limit:
            refuse(
                413,
                "body_too_large",
                f"The picture is larger than the {limit / 2**20:g} MiB that this server accepts.",
                "Start the server with a larger --max-upload-size.",
            )
        file.write(chunk)


async def _text(part: BodyPartReader) -> str:
    data = b""
    while chunk := await part.read_chunk(_CHUNK):
        data += chunk
        if len(data) > _MAX_FIELD:
            refuse(413, "body_too_large", f"The field '{(part.name or '')[:80]}' is too large.")
    return data.decode()


def _keep(file: IO[bytes], target: _Target) -> str:
    """Check the picture and put it in place; the name it got."""
    file.seek(0)
    suffix = suffix_of(file)
    file.seek(0)
    with open_picture(file):
        pass  # decoded once, so that what nodes will open can be opened
    name = (
        target.name if Path(target.name).suffix.lower() in IMAGE_SUFFIXES else target.name + suffix
    )
    if "/" in name or name.startswith("."):
        raise PathRefused(f"The file name {name[:80]!r} is refused: it must be a plain name.")
    folder = confine(target.root, target.subfolder)
    confine(target.root, f"{target.subfolder}/{name}" if target.subfolder else name)
    folder.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".part-", dir=folder)
    try:
        with os.fdopen(handle, "wb") as written:
            file.seek(0)
            shutil.copyfileobj(file, written)
            written.flush()
            os.fsync(written.fileno())
        Path(temporary).chmod(0o644)
        return _name(Path(temporary), folder, name, overwrite=target.overwrite)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _name(temporary: Path, folder: Path, name: str, *, overwrite: bool) -> str:
    """Give a finished file its name: the wished one, or ``name (1).png`` if that is taken."""
    if overwrite:
        temporary.replace(folder / name)
        return name
    stem, suffix = Path(name).stem, Path(name).suffix
    for number in count():
        tried = name if number == 0 else f"{stem} ({number}){suffix}"
        try:
            # A hard link fails when the name is taken; a rename would replace the file.
            os.link(temporary, folder / tried)
        except FileExistsError:
            if number == 0 and _same(temporary, folder / tried):
                return tried
            continue
        return tried
    raise AssertionError("count() does not end")


def _same(one: Path, other: Path) -> bool:
    if not other.is_file() or one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as a, other.open("rb") as b:
        while chunk := a.read(_CHUNK):
            if chunk != b.read(_CHUNK):
                return False
    return True

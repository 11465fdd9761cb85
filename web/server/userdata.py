"""``/userdata``: files that the page keeps for its user, such as workflows.

They lie in ``user/default``; the server's own files lie beside that folder and cannot be reached.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

from aiohttp import hdrs, web

from engine.files.atomic import write_atomic
from engine.files.confine import PathRefused, confine
from web.server.answers import answer, refuse
from web.server.keys import FOLDERS

T = TypeVar("T")


async def listing(request: web.Request) -> web.Response:
    """``GET /userdata?dir=&recurse=&full_info=&split=``."""
    query = request.query
    if not query.get("dir"):
        refuse(400, "invalid_query", "'dir' names the folder to list.")
    folder = _confined(request, query["dir"])
    if not folder.is_dir():
        refuse(404, "not_found", f"There is no folder '{query['dir'][:80]}'.")
    pattern = "**/*" if query.get("recurse") == "true" else "*"

    def files() -> list[Any]:
        found = sorted(path for path in folder.glob(pattern) if path.is_file())
        if query.get("full_info") == "true":
            return [_info(path, folder) for path in found]
        names = [path.relative_to(folder).as_posix() for path in found]
        return [[n, *n.split("/")] for n in names] if query.get("split") == "true" else names

    return answer(await _on_disk(files))


async def get_file(request: web.Request) -> web.StreamResponse:
    """``GET /userdata/{file}``: as a download, so that nothing in it can run."""
    path = _file(request, "file")
    is_style = path.name == "user.css"
    headers = {
        hdrs.CONTENT_TYPE: "text/css" if is_style else "application/octet-stream",
        hdrs.CACHE_CONTROL: "no-cache",
        hdrs.CONTENT_DISPOSITION: "inline" if is_style else "attachment",
    }
    return web.FileResponse(path, headers=headers)


async def put_file(request: web.Request) -> web.Response:
    """``POST /userdata/{file}``: the body is the content."""
    path = _confined(request, _name(request, "file"))
    if path.is_dir():
        refuse(400, "path_refused", "This is the name of a folder.")
    if request.query.get("overwrite") == "false" and path.exists():
        refuse(409, "exists", "A file of this name exists.")
    body = await request.read()
    await _on_disk(lambda: write_atomic(path, body))
    return _described(request, path)


async def delete_file(request: web.Request) -> web.Response:
    """``DELETE /userdata/{file}``."""
    path = _file(request, "file")
    await _on_disk(path.unlink)
    return web.Response(status=204)


async def move_file(request: web.Request) -> web.Response:
    """``POST /userdata/{file}/move/{dest}``."""
    source, target = _file(request, "file"), _confined(request, _name(request, "dest"))
    if target.is_dir() or (request.query.get("overwrite") == "false" and target.exists()):
        refuse(409, "exists", "A file of this name exists.")

    def move() -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)

    await _on_disk(move)
    return _described(request, target)


def _root(request: web.Request) -> Path:
    return request.app[FOLDERS].user / "default"


def _name(request: web.Request, part: str) -> str:
    """One segment of the address; old front ends encode it twice."""
    name = request.match_info[part]
    return unquote(name) if "%" in name else name


def _confined(request: web.Request, name: str) -> Path:
    try:
        path = confine(_root(request), name)
    except PathRefused as error:
        refuse(403, "path_refused", str(error))
    return path


def _file(request: web.Request, part: str) -> Path:
    path = _confined(request, _name(request, part))
    if not path.is_file():
        refuse(404, "not_found", "There is no such file.")
    return path


async def _on_disk(work: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        refuse(400, "not_written", f"The disk refused: {error.strerror}.")


def _described(request: web.Request, path: Path) -> web.Response:
    root = _root(request).resolve()
    if request.query.get("full_info") == "true":
        return answer(_info(path, root))
    return answer(path.relative_to(root).as_posix())


def _info(path: Path, root: Path) -> dict[str, Any]:
    state = path.stat()
    modified = state.st_mtime_ns // 1_000_000
    name = path.relative_to(root).as_posix()
    return {"path": name, "size": state.st_size, "modified": modified, "created": modified}

"""``/settings``: what the page remembers for its user, one JSON file."""

import asyncio
import json
from pathlib import Path
from typing import Any

from aiohttp import web

from engine.files.atomic import write_atomic
from engine.queue.jsontext import dumps
from web.server.answers import answer, read_json, read_object, refuse
from web.server.keys import FOLDERS

_FILE = "comfy.settings.json"
# One writer at a time: merging reads the file, changes it and writes it back.
_WRITING: web.AppKey[asyncio.Lock] = web.AppKey("settings_writing", asyncio.Lock)


def prepare(app: web.Application) -> None:
    app[_WRITING] = asyncio.Lock()


async def get_all(request: web.Request) -> web.Response:
    """``GET /settings``."""
    return answer(await asyncio.to_thread(_read, _path(request)))


async def get_one(request: web.Request) -> web.Response:
    """``GET /settings/{id}``: the value, ``null`` if it was never set."""
    settings = await asyncio.to_thread(_read, _path(request))
    return answer(settings.get(request.match_info["id"]))


async def merge(request: web.Request) -> web.Response:
    """``POST /settings``: an object of settings to set."""
    return await _set(request, await read_object(request))


async def set_one(request: web.Request) -> web.Response:
    """``POST /settings/{id}``: the body is the value."""
    return await _set(request, {request.match_info["id"]: await read_json(request)})


async def _set(request: web.Request, new: dict[str, Any]) -> web.Response:
    path = _path(request)
    async with request.app[_WRITING]:
        settings = await asyncio.to_thread(_read, path)
        await asyncio.to_thread(write_atomic, path, dumps({**settings, **new}).encode())
    return web.Response()


def _path(request: web.Request) -> Path:
    return request.app[FOLDERS].user / "default" / _FILE


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        # Written over, it would be lost; the person can mend or remove it.
        refuse(409, "settings_damaged", f"The settings file {path.name} is damaged.")
    return found

"""Small routes about the installation: system, features, extensions, users."""

import importlib.metadata
import sys
from typing import Any

from aiohttp import web

from web.server.answers import answer
from web.server.keys import DISPATCHER, FEATURES
from web.server.options import without_token

# The version whose network API this is; clients compare it as x.y.z.
_COMPATIBLE = "0.3.64"


async def system_stats(request: web.Request) -> web.Response:
    """``GET /system_stats``. Devices are those of the worker, none until it is up."""
    import psutil  # noqa: PLC0415 - the server starts without it

    memory = psutil.virtual_memory()
    device = request.app[DISPATCHER].device
    return answer(
        {
            "system": {
                "os": sys.platform,
                "ram_total": memory.total,
                "ram_free": memory.available,
                "comfyui_version": _COMPATIBLE,
                "patchbay_version": _version("patchbay"),
                "python_version": sys.version,
                "pytorch_version": device.get("pytorch_version") or _version("torch"),
                "embedded_python": False,
                "argv": without_token(sys.argv),
            },
            "devices": device.get("devices", []),
        }
    )


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def features(max_upload_size: int) -> dict[str, Any]:
    """What this server can do beyond the oldest API; nothing is announced that is not there."""
    return {"supports_preview_metadata": True, "max_upload_size": max_upload_size}


async def get_features(request: web.Request) -> web.Response:
    """``GET /features``."""
    return answer(request.app[FEATURES])


async def extensions(_request: web.Request) -> web.Response:
    """``GET /extensions``: scripts of node packs for the page; packs bring none yet."""
    return answer([])


async def users(_request: web.Request) -> web.Response:
    """``GET /users``: one user, whose settings are kept here."""
    return answer({"storage": "server", "migrated": True})


async def nothing(_request: web.Request) -> web.Response:
    """Routes whose true answer is an empty object (``/i18n``, ``/workflow_templates``)."""
    return answer({})

"""``/models`` and ``/embeddings``: which files of weights there are."""

import asyncio

from aiohttp import web

from engine.files.folders import MODEL_KINDS
from web.server.answers import answer, refuse
from web.server.keys import FOLDERS


async def kinds(_request: web.Request) -> web.Response:
    """``GET /models``: the kinds of models."""
    return answer([*MODEL_KINDS, "custom_nodes"])


async def names(request: web.Request) -> web.Response:
    """``GET /models/{folder}``: the files of one kind."""
    kind = request.match_info["folder"]
    if kind not in MODEL_KINDS:
        refuse(404, "not_found", f"There is no folder of models called '{kind[:80]}'.")
    return answer(await asyncio.to_thread(request.app[FOLDERS].names, kind))


async def embeddings(request: web.Request) -> web.Response:
    """``GET /embeddings``: their names without extension."""
    found = await asyncio.to_thread(request.app[FOLDERS].names, "embeddings")
    return answer([name.rpartition(".")[0] for name in found])

"""Routes of the history: finished prompts with what they showed."""

from aiohttp import web

from web.server.answers import answer_text
from web.server.keys import STORE
from web.server.queries import clear_or_delete, whole


async def get_history(request: web.Request) -> web.Response:
    """``GET /history?max_items=&offset=&search=``."""
    max_items, offset = whole(request, "max_items"), whole(request, "offset")
    if offset is not None and offset < 0:
        offset = None
    search = request.query.get("search", "")
    return answer_text(await request.app[STORE].history(max_items, offset, search))


async def get_history_entry(request: web.Request) -> web.Response:
    """``GET /history/{id}``: ``{}`` while the prompt is unknown or not finished."""
    return answer_text(await request.app[STORE].history_entry(request.match_info["id"]))


async def post_history(request: web.Request) -> web.Response:
    """``POST /history``: forget finished prompts, all or by id."""
    clear, ids = await clear_or_delete(request)
    store = request.app[STORE]
    if clear:
        await store.forget()
    if ids:
        await store.forget(ids)
    return web.Response()

"""``/object_info``: what the node classes look like, with the files they can choose from now."""

import asyncio
import logging
import threading
from collections.abc import Iterable, Mapping
from hashlib import blake2b

from aiohttp import hdrs, web

from engine.files.folders import Folders
from engine.graph.catalogue import Catalogue, object_info
from engine.queue.jsontext import dumps
from engine.queue.pool import WorkerTrouble
from web.server.answers import answer_text, refuse
from web.server.keys import DISPATCHER

_log = logging.getLogger(__name__)


class NodeInfo:
    """The document of all classes, made again only when the catalogue or a list of files changed.

    Its methods read folders, so they belong into a thread; they lock for themselves.
    """

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._lock = threading.Lock()
        self._catalogue: Catalogue | None = None
        self._names: Mapping[str, tuple[str, ...]] = {}
        self._document = ""
        self._etag = ""

    def document(self, catalogue: Catalogue) -> tuple[str, str]:
        """The JSON text and its ETag."""
        names = self._list(catalogue, catalogue)
        with self._lock:
            if catalogue is not self._catalogue or names != self._names:
                self._catalogue, self._names = catalogue, names
                self._document = _describe(catalogue, catalogue, names)
                digest = blake2b(self._document.encode(), digest_size=16).hexdigest()
                self._etag = f'"{digest}"'
            return self._document, self._etag

    def one(self, catalogue: Catalogue, class_type: str) -> str:
        """The JSON text for one class, ``{}`` if it is unknown."""
        wanted = [catalogue[class_type].class_type] if class_type in catalogue else []
        return _describe(catalogue, wanted, self._list(catalogue, wanted))

    def _list(self, catalogue: Catalogue, wanted: Iterable[str]) -> dict[str, tuple[str, ...]]:
        inputs = (item for class_type in wanted for item in catalogue[class_type].inputs)
        kinds = sorted({item.folder for item in inputs if item.folder is not None})
        return {kind: self._folders.names(kind) for kind in kinds}


NODE_INFO: web.AppKey[NodeInfo] = web.AppKey("node_info", NodeInfo)


def _describe(
    catalogue: Catalogue, wanted: Iterable[str], names: Mapping[str, tuple[str, ...]]
) -> str:
    """``{class: info}`` as JSON. A class that cannot be described is left out, and said."""
    parts = []
    for class_type in wanted:
        try:
            info = dumps(object_info(catalogue[class_type], lambda kind: names.get(kind, ())))
        except Exception:  # noqa: BLE001 - one faulty node must not hide the others
            _log.exception("The node %s cannot be described and is left out.", class_type)
            continue
        parts.append(f"{dumps(class_type)}:{info}")
    return "{" + ",".join(parts) + "}"


async def all_classes(request: web.Request) -> web.Response:
    """``GET /object_info``."""
    catalogue = await _catalogue(request)
    text, etag = await asyncio.to_thread(request.app[NODE_INFO].document, catalogue)
    headers = {hdrs.ETAG: etag, hdrs.CACHE_CONTROL: "no-cache"}
    if etag in (tag.strip() for tag in request.headers.get(hdrs.IF_NONE_MATCH, "").split(",")):
        return web.Response(status=304, headers=headers)
    response = answer_text(text)
    response.headers.update(headers)
    return response


async def one_class(request: web.Request) -> web.Response:
    """``GET /object_info/{class}``."""
    catalogue = await _catalogue(request)
    class_type = request.match_info["class"]
    return answer_text(await asyncio.to_thread(request.app[NODE_INFO].one, catalogue, class_type))


async def _catalogue(request: web.Request) -> Catalogue:
    try:
        return await request.app[DISPATCHER].refreshed()
    except WorkerTrouble as trouble:
        refuse(503, "worker_unavailable", str(trouble))

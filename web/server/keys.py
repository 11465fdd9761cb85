"""What the application carries for its routes."""

from typing import Any

from aiohttp import web

from engine.files.folders import Folders
from engine.queue.dispatcher import Dispatcher
from engine.queue.store import Store
from web.server.hub import Hub
from web.server.options import Options
from web.server.recall import Recall

OPTIONS: web.AppKey[Options] = web.AppKey("options", Options)
FOLDERS: web.AppKey[Folders] = web.AppKey("folders", Folders)
STORE: web.AppKey[Store] = web.AppKey("store", Store)
HUB: web.AppKey[Hub] = web.AppKey("hub", Hub)
DISPATCHER: web.AppKey[Dispatcher] = web.AppKey("dispatcher", Dispatcher)
RECALL: web.AppKey[Recall] = web.AppKey("recall", Recall)
FEATURES: web.AppKey[dict[str, Any]] = web.AppKey("features", dict)

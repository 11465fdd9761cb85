"""Which address is answered by what. Every route of the API exists with and without ``/api``."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from web.server import (
    models,
    node_info,
    page,
    prompts,
    settings,
    sockets,
    system,
    upload,
    userdata,
    view,
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/ws", sockets.websocket),
    ("GET", "/prompt", prompts.remaining),
    ("POST", "/prompt", prompts.submit),
    ("GET", "/queue", prompts.get_queue),
    ("POST", "/queue", prompts.post_queue),
    ("GET", "/history", prompts.get_history),
    ("POST", "/history", prompts.post_history),
    ("GET", "/history/{id}", prompts.get_history_entry),
    ("POST", "/interrupt", prompts.interrupt),
    ("POST", "/free", prompts.free),
    ("GET", "/object_info", node_info.all_classes),
    ("GET", "/object_info/{class}", node_info.one_class),
    ("GET", "/view", view.view),
    ("POST", "/upload/image", upload.upload_image),
    ("GET", "/models", models.kinds),
    ("GET", "/models/{folder}", models.names),
    ("GET", "/embeddings", models.embeddings),
    ("GET", "/system_stats", system.system_stats),
    ("GET", "/features", system.get_features),
    ("GET", "/extensions", system.extensions),
    ("GET", "/users", system.users),
    ("GET", "/settings", settings.get_all),
    ("POST", "/settings", settings.merge),
    ("GET", "/settings/{id}", settings.get_one),
    ("POST", "/settings/{id}", settings.set_one),
    ("GET", "/userdata", userdata.listing),
    ("GET", "/userdata/{file}", userdata.get_file),
    ("POST", "/userdata/{file}", userdata.put_file),
    ("DELETE", "/userdata/{file}", userdata.delete_file),
    ("POST", "/userdata/{file}/move/{dest}", userdata.move_file),
    ("GET", "/i18n", system.nothing),
    ("GET", "/workflow_templates", system.nothing),
)


def add_routes(app: web.Application) -> None:
    """The API twice, then the page, then the page's files at every other address."""
    for method, path, handler in ROUTES:
        for prefix in ("", "/api"):
            if method == "GET":
                app.router.add_get(prefix + path, handler)  # and HEAD
            else:
                app.router.add_route(method, prefix + path, handler)
    settings.prepare(app)
    app.router.add_get("/", page.index)
    app.router.add_get("/{path:.+}", page.asset)

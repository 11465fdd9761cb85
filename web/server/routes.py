"""Which address is answered by what. Every route of the API exists with and without ``/api``."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from web.server import (
    events,
    explain,
    history,
    jobs,
    metrics,
    models,
    node_info,
    page,
    plan,
    prompts,
    queue_control,
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
    ("GET", "/prompt", queue_control.remaining),
    ("POST", "/prompt", prompts.submit),
    ("POST", "/plan", plan.plan),
    ("GET", "/explain/{job}", explain.explain),
    ("GET", "/queue", queue_control.get_queue),
    ("POST", "/queue", queue_control.post_queue),
    ("POST", "/queue/pause", queue_control.pause),
    ("POST", "/queue/resume", queue_control.resume),
    ("POST", "/queue/move", queue_control.move),
    ("GET", "/history", history.get_history),
    ("POST", "/history", history.post_history),
    ("GET", "/history/{id}", history.get_history_entry),
    ("GET", "/jobs", jobs.listing),
    ("POST", "/jobs/cancel", jobs.cancel_some),
    ("GET", "/jobs/{id}", jobs.one),
    ("POST", "/jobs/{id}/cancel", jobs.cancel_one),
    ("GET", "/jobs/{id}/events", events.events),
    ("GET", "/jobs/{id}/ledger", jobs.ledger),
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
    ("GET", "/metrics", metrics.metrics),
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

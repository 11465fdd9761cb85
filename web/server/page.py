"""The canvas: ``/`` and the files of its bundle, or of another front end's."""

from pathlib import Path

from aiohttp import hdrs, web

from engine.files.confine import PathRefused, confine
from web.server.answers import refuse
from web.server.keys import OPTIONS
from web.server.options import Options

BUNDLE = Path(__file__).resolve().parents[1] / "canvas" / "dist"
# The types a page is made of, whatever the system's own table says of them.
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".ico": "image/x-icon",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".ttf": "font/ttf",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
}


def is_built(options: Options) -> bool:
    """Whether there is a page to serve."""
    return ((options.front_end_root or BUNDLE) / "index.html").is_file()


async def index(request: web.Request) -> web.StreamResponse:
    """``GET /``."""
    page = _root(request) / "index.html"
    if not page.is_file():
        refuse(503, "no_page", "The canvas is not built: web/canvas/dist/index.html is missing.")
    return _file(page)


async def asset(request: web.Request) -> web.StreamResponse:
    """Every other path: a file of the bundle."""
    root, name = _root(request), request.match_info["path"]
    try:
        path = confine(root, name)
    except PathRefused as error:
        refuse(403, "path_refused", str(error))
    if not path.is_file():
        refuse(404, "not_found", "There is nothing at this address.")
    return _file(path)


def _root(request: web.Request) -> Path:
    return request.app[OPTIONS].front_end_root or BUNDLE


def _file(path: Path) -> web.FileResponse:
    type_ = _TYPES.get(path.suffix.lower(), "application/octet-stream")
    # Asked again each time, and answered with 304 while the file is the same.
    return web.FileResponse(
        path, headers={hdrs.CONTENT_TYPE: type_, hdrs.CACHE_CONTROL: "no-cache"}
    )

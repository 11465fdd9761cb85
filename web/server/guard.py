"""Who may talk to this server: hosts, origins, tokens. One middleware around every route.

S1 to S9 name the statements that tests hold; nothing here knows what the routes do.
"""

import hmac
import ipaddress
import logging
from collections.abc import Awaitable, Callable
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from engine.files.confine import PathRefused
from engine.queue.schema import StoreError
from web.server.answers import Refused, refuse
from web.server.options import Options, is_loopback

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_log = logging.getLogger(__name__)
_COOKIE = "patchbay_token"
_SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
_FETCH = "Sec-Fetch-Site"
# The body is not JSON but a file or a bare value, and official front ends send no JSON type.
_RAW_BODY = ("/userdata/", "/settings")
_UPLOAD = "/upload/"


def guard(options: Options) -> Middleware:
    """The middleware: checks, then the handler, then the headers every answer has."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await _checked(request, handler, options)
        except Refused as refused:
            response = refused.response()
        except web.HTTPException as plain:
            response = _plain(plain)
        except PathRefused as refused_path:
            response = _error(400, "path_refused", str(refused_path))
        except StoreError as error:
            response = _error(503, "queue_unavailable", str(error))
        except ConnectionError:
            raise  # the client has gone
        except Exception:  # noqa: BLE001 - the last line of defence; it is logged whole
            _log.exception("%s %s failed", request.method, request.path)
            response = _error(500, "internal_error", "The server met a fault of its own.")
        if not response.prepared:
            add_headers(request, response, options)
        return response

    return middleware


async def _checked(request: web.Request, handler: Handler, options: Options) -> web.StreamResponse:
    _check_host(request, options)
    if request.method == hdrs.METH_OPTIONS and options.cors_origin is not None:
        return web.Response()
    _check_origin(request, options)
    if options.token is not None:
        if request.path == "/" and "token" in request.query:
            return _log_in(request, options.token)
        _check_token(request, options.token)
    _check_content_type(request)
    return await handler(request)


def _check_host(request: web.Request, options: Options) -> None:
    """S2: a page of another name that points at this address (DNS rebinding) gets nothing."""
    name = _host_name(request.headers.get(hdrs.HOST, ""))
    if name and _host_is_ours(name, options):
        return
    refuse(
        403,
        "host_refused",
        f"This server does not answer to the host name '{name[:80]}'.",
        "Start it with --allowed-hosts to add a name.",
    )


def _host_name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _host_is_ours(name: str, options: Options) -> bool:
    if is_loopback(name) or name in options.allowed_hosts or name in options.listen:
        return True
    if not {"0.0.0.0", "::"} & set(options.listen):  # noqa: S104 - comparing, not binding
        return False
    try:
        # Bound to every address: any address may be ours, and rebinding needs a name.
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _check_origin(request: web.Request, options: Options) -> None:
    """S3, S4: what a foreign page sends through somebody's browser is refused."""
    headers = request.headers
    origin = headers.get(hdrs.ORIGIN)
    if origin is not None and origin == options.cors_origin:
        return
    if options.cors_origin == "*":
        return  # possible only with a token, which foreign pages do not have
    if origin is not None and not _same_origin(origin, headers.get(hdrs.HOST, "")):
        refuse(403, "origin_refused", "Requests from other web pages are refused.")
    foreign = headers.get(_FETCH) in ("cross-site", "same-site")
    following_a_link = (
        request.method in _SAFE_METHODS and headers.get("Sec-Fetch-Mode") == "navigate"
    )
    if foreign and not following_a_link:
        refuse(403, "origin_refused", "Requests from other web pages are refused.")


def _same_origin(origin: str, host: str) -> bool:
    try:
        theirs, ours = urlsplit(origin), urlsplit(f"//{host}")
        default = {"http": 80, "https": 443}[theirs.scheme]
        ports = theirs.port or default, ours.port or default
    except (ValueError, KeyError):
        return False  # "null", nonsense, or a scheme that is not the web's
    return theirs.hostname == ours.hostname and ports[0] == ports[1]


def _check_token(request: web.Request, token: str) -> None:
    """S8: a bearer token or the cookie of the login link, compared in constant time."""
    shown = request.headers.get(hdrs.AUTHORIZATION, "").removeprefix("Bearer ")
    if _equal(shown, token) or _equal(_cookie(request), token):
        return
    refuse(
        401,
        "not_logged_in",
        "This server asks for a token.",
        "Open the link that it printed at its start, or send 'Authorization: Bearer <token>'.",
    )


def _log_in(request: web.Request, token: str) -> web.Response:
    """The login link: the token moves from the address into a cookie."""
    if not _equal(request.query["token"], token):
        refuse(401, "not_logged_in", "The token in this link is not the server's.")
    response = web.Response(status=303, headers={hdrs.LOCATION: "/"})
    response.set_cookie(
        _COOKIE, token, httponly=True, samesite="Strict", path="/", secure=request.secure
    )
    return response


def _cookie(request: web.Request) -> str:
    cookies: SimpleCookie = SimpleCookie()
    cookies.load(request.headers.get(hdrs.COOKIE, ""))
    return cookies[_COOKIE].value if _COOKIE in cookies else ""


def _equal(shown: str, token: str) -> bool:
    return hmac.compare_digest(shown.encode(errors="replace"), token.encode())


def _check_content_type(request: web.Request) -> None:
    """S6: browsers send JSON as JSON; other types are what forms of foreign pages can send."""
    if request.method in _SAFE_METHODS or not request.body_exists:
        return
    headers = request.headers
    if hdrs.ORIGIN not in headers and not any(name.startswith("Sec-Fetch-") for name in headers):
        return
    path = request.path.removeprefix("/api")
    if request.content_type == "application/json" or path.startswith(_RAW_BODY):
        return
    if path.startswith(_UPLOAD) and request.content_type == "multipart/form-data":
        return
    refuse(415, "wrong_content_type", "Browsers must send this as application/json.")


def add_headers(request: web.Request, response: web.StreamResponse, options: Options) -> None:
    """The headers that every answer has; for one that is sent bit by bit, before its beginning."""
    headers = response.headers
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers.setdefault("Content-Security-Policy", _policy(options))
    if options.cors_origin is not None:
        headers["Access-Control-Allow-Origin"] = options.cors_origin
        headers["Access-Control-Allow-Methods"] = "POST, GET, DELETE, PUT, OPTIONS, PATCH"
        headers["Access-Control-Allow-Headers"] = "Content-Type, Authorization"
        if options.cors_origin != "*":
            headers["Access-Control-Allow-Credentials"] = "true"
            headers[hdrs.VARY] = hdrs.ORIGIN
    if request.path.endswith((".js", ".css")):
        headers.setdefault(hdrs.CACHE_CONTROL, "no-cache")


def _policy(options: Options) -> str:
    """S9. Other front ends put style elements into the page; ours does not."""
    styles = "'self'" if options.front_end_root is None else "'self' 'unsafe-inline'"
    return (
        f"default-src 'self'; script-src 'self'; style-src {styles}; "
        "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; "
        "worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    )


def _plain(response: web.HTTPException) -> web.Response:
    """An answer of aiohttp itself (no such route, wrong method) in our form."""
    if response.status < 400:
        return web.Response(status=response.status, headers=response.headers)
    words = {
        404: "There is nothing at this address.",
        405: "This address does not take such requests.",
        413: "The request is too large.",
    }
    message = words.get(response.status, f"{response.reason}.")
    answer = _error(response.status, response.reason.lower().replace(" ", "_"), message)
    if hdrs.ALLOW in response.headers:
        answer.headers[hdrs.ALLOW] = response.headers[hdrs.ALLOW]
    return answer


def _error(status: int, type_: str, message: str) -> web.Response:
    try:
        refuse(status, type_, message)
    except Refused as refused:
        return refused.response()

"""Answers and errors of the network API, and reading a request's JSON.

Errors are always a JSON object ``{"error": {"type", "message", "details", "extra_info"}}`` with a
sentence for the person at the other end.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from aiohttp import web

from engine.formats import reread
from engine.formats.reread import Members
from engine.graph.problems import Problem
from engine.queue.jsontext import dumps
from web.server.keys import OPTIONS

# A JSON value, and how a member of it was written.
Parsed = tuple[Any, Members | None]
# Bytes of a body between which it pays to compare it with an earlier one.
_REREAD = (10_000, 10_000_000)
# Escapes of UTF-16 surrogates; alone, they are no text that could be stored or sent.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class Refused(Exception):
    """A request that is answered with an error. Raised by handlers, written by the guard."""

    def __init__(
        self, status: int, problem: Problem, node_errors: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(problem.message)
        self.status = status
        self.problem = problem
        self.node_errors = node_errors

    def response(self) -> web.Response:
        body: dict[str, Any] = {"error": self.problem.to_json()}
        if self.node_errors is not None:
            body["node_errors"] = self.node_errors
        return answer(body, status=self.status)


def refuse(status: int, type_: str, message: str, details: str = "") -> NoReturn:
    """Answer with an error object."""
    raise Refused(status, Problem(type_, message, details))


def answer(value: Any, status: int = 200) -> web.Response:
    """``value`` as a JSON answer."""
    return answer_text(dumps(value), status)


def answer_text(text: str, status: int = 200) -> web.Response:
    """JSON that is text already."""
    return web.Response(body=text.encode(), status=status, content_type="application/json")


async def read_json(request: web.Request, default: Any = None) -> Any:
    """The JSON of a request's body, whatever its content type says; ``default`` if it is empty.

    Raises:
        Refused: 400 for what is no JSON, is too deep, or holds NaN, Infinity or half a character;
            413 for what is too large.
    """
    body = await _body(request)
    return _parsed(body, _read)[0] if body.strip() else default


async def read_object_like(
    request: web.Request, member: str, before: Callable[[str], Members | None]
) -> tuple[dict[str, Any], Members | None]:
    """The JSON object of a request's body, and how its ``member`` was written if that is an object
    of some size. It is read like what ``before`` finds for the text (``reread.py``).

    Raises:
        Refused: as ``read_object``.
    """
    body = await _body(request)

    def read(text: str) -> Parsed:
        try:
            return reread.read_object(text, _DECODER, member, before(text))
        except ValueError:
            return _read(text)  # the ordinary way knows best what is wrong, and whether

    large = _REREAD[0] < len(body) < _REREAD[1]
    value, members = _parsed(body, read if large else _read) if body.strip() else ({}, None)
    return _object(value), members


async def _body(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        limit = request.app[OPTIONS].max_upload_size
        refuse(
            413,
            "body_too_large",
            f"The request is larger than the {limit / 2**20:g} MiB that this server accepts.",
            "Start the server with a larger --max-upload-size.",
        )


def _parsed(body: bytes, read: Callable[[str], Parsed]) -> Parsed:
    try:
        parsed = read(body.decode(json.detect_encoding(body)))
        if _SURROGATE.search(body):
            json.dumps(parsed[0], ensure_ascii=False).encode()
    except RecursionError:
        refuse(400, "invalid_json", "The JSON in the request is nested too deeply.")
    except UnicodeError:
        refuse(400, "invalid_json", "The text in the request is not valid UTF-8.")
    except ValueError as error:
        refuse(400, "invalid_json", "The request holds no valid JSON.", str(error)[:300])
    return parsed


def _read(text: str) -> Parsed:
    return _DECODER.decode(text), None


async def read_object(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request's body; an empty body is an empty object."""
    return _object(await read_json(request, {}))


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        refuse(400, "invalid_request", "The request's JSON must be an object.")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:40]} is too large")
    return value


_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)

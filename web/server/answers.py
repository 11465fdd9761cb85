"""Answers and errors of the network API, and reading a request's JSON.

Errors are always a JSON object ``{"error": {"type", "message", "details", "extra_info"}}`` with a
sentence for the person at the other end.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from aiohttp import web

from engine.graph.problems import Problem
from engine.queue.jsontext import dumps
from web.server.keys import OPTIONS

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
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        limit = request.app[OPTIONS].max_upload_size
        refuse(
            413,
            "body_too_large",
            f"The request is larger than the {limit / 2**20:g} MiB that this server accepts.",
            "Start the server with a larger --max-upload-size.",
        )
    if not body.strip():
        return default
    try:
        value = json.loads(body, parse_constant=_no_constant, parse_float=_finite)
        if _SURROGATE.search(body):
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        refuse(400, "invalid_json", "The JSON in the request is nested too deeply.")
    except UnicodeError:
        refuse(400, "invalid_json", "The text in the request is not valid UTF-8.")
    except ValueError as error:
        refuse(400, "invalid_json", "The request holds no valid JSON.", str(error)[:300])
    return value


async def read_object(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request's body; an empty body is an empty object."""
    value = await read_json(request, {})
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

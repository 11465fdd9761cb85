"""Reading what a request asks for: numbers and ids in its query or its body."""

import math
import re
from typing import Any

from aiohttp import web

from web.server.answers import read_object, refuse

_PROMPT_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_WHOLE = re.compile(r"-?[0-9]{1,9}", re.ASCII)


def whole(request: web.Request, name: str) -> int | None:
    """A whole number of the query, if it is there.

    Raises:
        Refused: 400, it is something else.
    """
    text = request.query.get(name)
    if text is None:
        return None
    if not _WHOLE.fullmatch(text):
        refuse(400, "invalid_query", f"'{name}' must be a whole number.")
    return int(text)


def number_of(given: Any) -> float | None:
    """A place in the queue as clients give it.

    Raises:
        Refused: 400, it is no finite number.
    """
    if given is None:
        return None
    try:
        number = float(given)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        refuse(400, "invalid_number", "number must be a finite number; smaller ones run first.")
    return number


def is_prompt_id(given: Any) -> bool:
    """Whether this can be the id of a prompt."""
    return isinstance(given, str) and _PROMPT_ID.fullmatch(given) is not None


async def clear_or_delete(request: web.Request) -> tuple[bool, list[str]]:
    """``{"clear": bool, "delete": [ids]}``; ids that no prompt can have mean nothing.

    Raises:
        Refused: 400, the body is something else.
    """
    body = await read_object(request)
    ids = body.get("delete") or []
    if not isinstance(ids, list):
        refuse(400, "invalid_request", "'delete' must be a list of prompt ids.")
    return bool(body.get("clear")), [str(job_id) for job_id in ids]

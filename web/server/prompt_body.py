"""Reading the body of ``POST /prompt``: its parts one by one, the graph not yet."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from engine.formats.reread import Members
from engine.graph.problems import Problem
from engine.queue.job import SECRETS
from web.server.answers import Refused, read_object_like, refuse
from web.server.keys import RECALL
from web.server.queries import is_prompt_id, number_of
from web.server.recall import Before

_MAX_CLIENT_ID = 256


@dataclass(frozen=True, slots=True)
class PromptBody:
    """A request to run a prompt, or with ``dry_run`` only to say what that would be.

    Attributes:
        prompt: what was sent as the graph, whatever it is.
        written, before: how it was written, if it is large, and what it was compared with.
        targets: the output nodes to run; None for all.
    """

    prompt: Any
    prompt_id: str
    client_id: str | None
    number: float | None
    front: bool
    targets: tuple[str, ...] | None
    extra: dict[str, Any]
    dry_run: bool
    written: Members | None = None
    before: Before | None = None


async def read_prompt_body(request: web.Request) -> PromptBody:
    """The body of a request, read like those of the large prompts before it.

    Raises:
        Refused: 400 for what is no JSON object, and what ``read_body`` refuses.
    """
    recall, before = request.app[RECALL], None

    def like(text: str) -> Members | None:
        nonlocal before
        before = recall.like(text)
        return None if before is None else before.written

    body, written = await read_object_like(request, "prompt", like)
    return replace(read_body(body), written=written, before=before)


def read_body(body: Mapping[str, Any]) -> PromptBody:
    """The parts of a body.

    Raises:
        Refused: 400 for what is missing, or is not of the kind it should be.
    """
    if "prompt" not in body:
        raise Refused(400, Problem("no_prompt", "No prompt provided", "No prompt provided"), {})
    extra = body.get("extra_data")
    if extra is not None and not isinstance(extra, dict):
        refuse(400, "invalid_extra_data", "extra_data must be a JSON object.")
    extra = {key: value for key, value in (extra or {}).items() if key not in SECRETS}
    client_id = _client_id(body.get("client_id", extra.get("client_id")))
    if client_id is not None:
        extra["client_id"] = client_id
    targets = body.get("partial_execution_targets")
    if targets is not None and not isinstance(targets, list):
        refuse(400, "invalid_targets", "partial_execution_targets must be a list of node ids.")
    return PromptBody(
        body["prompt"],
        _prompt_id(body.get("prompt_id")),
        client_id,
        number_of(body.get("number")),
        bool(body.get("front")),
        None if targets is None else tuple(str(target) for target in targets),
        extra,
        bool(body.get("dry_run")),
    )


def _prompt_id(given: Any) -> str:
    if given is None:
        return str(uuid.uuid4())
    if not isinstance(given, (str, int)) or not is_prompt_id(str(given)):
        refuse(
            400,
            "invalid_prompt_id",
            "prompt_id must be letters, digits, '-' and '_', at most 128 of them, such as a UUID.",
        )
    return str(given)


def _client_id(given: Any) -> str | None:
    if given is not None and (not isinstance(given, str) or len(given) > _MAX_CLIENT_ID):
        limit = f"of at most {_MAX_CLIENT_ID} characters"
        refuse(400, "invalid_client_id", f"client_id must be a text {limit}.")
    return given

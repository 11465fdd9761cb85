"""Checking a submitted prompt, for whoever runs it or only plans it."""

import asyncio

from aiohttp import web

from engine.formats.api import PromptError, Read
from engine.graph.catalogue import Catalogue
from engine.graph.checks import may_be_stale
from engine.graph.problems import Problem
from engine.graph.validation import Validation, validate
from engine.queue.pool import WorkerTrouble
from web.server.answers import Refused, refuse
from web.server.asking import own_problems
from web.server.keys import DISPATCHER, FOLDERS, RECALL
from web.server.prompt_body import PromptBody
from web.server.recall import SMALL, Before


async def check(app: web.Application, asked: PromptBody) -> Validation:
    """The checked graph of a prompt, with what is wrong with it.

    Raises:
        Refused: 400 for what is no graph at all, 503 while no worker can say which nodes there are.
    """
    catalogue = await catalogue_of(app)
    try:
        checked = await _by_specs(app, asked, catalogue)
        if may_be_stale(checked, catalogue):
            catalogue = await app[DISPATCHER].refreshed()
            checked = await _by_specs(app, asked, catalogue)
    except PromptError as error:
        where = "" if error.node is None else f"Node ID '#{error.node}'"
        raise Refused(400, Problem("invalid_prompt", str(error), where), {}) from error
    if checked.error is not None:
        return checked
    extra = await own_problems(app, checked, catalogue)
    if not extra:
        return checked
    return await asyncio.to_thread(
        validate, checked.graph, catalogue, app[FOLDERS], asked.targets, extra=extra
    )


async def _by_specs(app: web.Application, asked: PromptBody, catalogue: Catalogue) -> Validation:
    before = asked.before
    known = before.checked if before is not None and before.catalogue is catalogue else None

    def check() -> tuple[Read, Validation]:
        read = Read.of(asked.prompt, None if before is None else before.read)
        return read, validate(read.graph, catalogue, app[FOLDERS], asked.targets, before=known)

    small = isinstance(asked.prompt, dict) and len(asked.prompt) <= SMALL
    read, checked = check() if small else await asyncio.to_thread(check)
    if checked.error is None and asked.written is not None:
        app[RECALL].keep(Before(asked.written, read, checked, catalogue))
    return checked


async def catalogue_of(app: web.Application) -> Catalogue:
    """The node classes there are; 503 while nobody knows."""
    try:
        return await app[DISPATCHER].catalogue()
    except WorkerTrouble as trouble:
        refuse(503, "worker_unavailable", str(trouble))

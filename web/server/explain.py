"""``GET /explain/{job}``: what became of each node of a finished job, and why."""

import asyncio
import json
from typing import Any

from aiohttp import web

from engine.queue.job import State
from engine.queue.jsontext import dumps
from web.server.answers import answer_text, refuse
from web.server.fates import fates_of
from web.server.keys import STORE


async def explain(request: web.Request) -> web.Response:
    """``{"prompt_id", "state", "seconds", "nodes": {id: {...}}, "added": {id: {...}}}``.

    ``added`` are the nodes that others put in their place. See ``fates.py`` for a node's account.
    """
    job_id, store = request.match_info["job"], request.app[STORE]
    state = await store.state(job_id)
    if state is None:
        refuse(404, "not_found", f"There is no prompt with the id '{job_id[:128]}'.")
    entry, ledger = await store.history_entry(job_id), await store.ledger(job_id)
    if entry == "{}" or ledger is None:
        why = "has not ended yet: what became of its nodes is known when it has"
        refuse(404, "not_finished", f"The prompt '{job_id[:128]}' {why}.")
    return answer_text(await asyncio.to_thread(_explained, state, entry, ledger))


def _explained(state: State, entry: str, ledger: str) -> str:
    ((job_id, job),) = json.loads(entry).items()
    accounts: dict[str, Any] = json.loads(ledger)
    _, _, prompt, _, outputs = job["prompt"]
    nodes, added = fates_of(prompt, outputs, accounts, job["status"]["messages"])
    seconds = accounts.get("seconds")
    return dumps(
        {"prompt_id": job_id, "state": state, "seconds": seconds, "nodes": nodes, "added": added}
    )

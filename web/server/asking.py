"""What the server has to ask a worker about a prompt, because only node classes themselves know."""

from collections.abc import Mapping, Sequence

from aiohttp import web

from engine.formats.api import write_prompt
from engine.graph.catalogue import Catalogue
from engine.graph.checks import needs_worker
from engine.graph.problems import Problem
from engine.graph.validation import Validation
from engine.queue.pool import WorkerTrouble
from engine.queue.questions import QuestionFailed
from web.server.answers import refuse
from web.server.keys import DISPATCHER


async def own_problems(
    app: web.Application, checked: Validation, catalogue: Catalogue
) -> Mapping[str, Sequence[Problem]]:
    """What the nodes of a prompt that is sound so far find wrong with their inputs, by node id.

    Nobody is asked unless one of the nodes that will run checks anything.

    Raises:
        Refused: 503, when no worker answers.
    """
    if not needs_worker(checked.graph, checked.outputs, catalogue):
        return {}
    question = {"prompt": write_prompt(checked.graph), "outputs": checked.outputs}
    try:
        found = await app[DISPATCHER].ask("check", question)
    except (WorkerTrouble, QuestionFailed) as trouble:
        refuse(503, "worker_unavailable", str(trouble))
    return {
        node_id: [Problem.from_json(one) for one in listed] for node_id, listed in found.items()
    }

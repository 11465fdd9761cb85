"""``POST /plan``: what a prompt would do, said without doing it and without waiting for what runs.

The server checks the prompt and looks for its files; a worker is asked which results it has. A
prompt that would be refused is answered with what is wrong with it.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from engine.formats.api import write_prompt
from engine.graph import problems
from engine.graph.graph import Graph
from engine.graph.validation import Validation
from engine.queue.ledgers import ClassTotal
from engine.queue.pool import WorkerTrouble
from engine.queue.questions import QuestionFailed
from web.server.answers import answer, refuse
from web.server.checking import catalogue_of, check
from web.server.fates import names_of, title_of, why_text
from web.server.keys import DISPATCHER, FOLDERS, STORE
from web.server.missing import missing_files
from web.server.prompt_body import PromptBody, read_prompt_body

_NOTHING: Mapping[str, Any] = {"run": [], "cached": [], "problems": [], "notes": {}}
_BASIS = "means over all runs of each node class on this server, as if one ran after another"


async def plan(request: web.Request) -> web.Response:
    """``POST /plan`` with the body of ``POST /prompt``."""
    return await answer_plan(request.app, await read_prompt_body(request))


async def answer_plan(app: web.Application, asked: PromptBody) -> web.Response:
    """``{"plan": {...}, "node_errors": {...}}``, and ``"error"`` if the prompt would be refused.

    ``plan``: ``run`` (the nodes that would run, sources first, with the seconds expected of each),
    ``cached`` (ids), ``problems`` (``{"node_id", "type", "message"}``), ``missing_models``,
    ``notes`` (what light nodes show, by id) and ``expected``.
    """
    checked = await check(app, asked)
    catalogue = await catalogue_of(app)
    missing = await asyncio.to_thread(
        missing_files, checked.graph, catalogue, app[FOLDERS], asked.targets
    )
    foreseen = _NOTHING if checked.error is not None else await _foreseen(app, asked, checked)
    costs = {one.class_type: one for one in (await app[STORE].totals()).classes}
    plan = {
        "run": _run(checked.graph, foreseen["run"], costs),
        "cached": foreseen["cached"],
        "problems": [*_invalid(checked, missing), *_sure_to_fail(foreseen["problems"])],
        "missing_models": missing,
        "notes": foreseen["notes"],
        "expected": _expected([item["class_type"] for item in foreseen["run"]], costs),
    }
    refused = {} if checked.error is None else {"error": checked.error.to_json()}
    return answer({"plan": plan, "node_errors": checked.node_errors, **refused})


async def _foreseen(app: web.Application, asked: PromptBody, checked: Validation) -> Any:
    """What a worker says of the outputs that may run (``engine/execution/foresee.py``)."""
    question = {
        "prompt": write_prompt(checked.graph),
        "outputs": list(checked.outputs),
        "extra": asked.extra,
    }
    try:
        return await app[DISPATCHER].ask("plan", question)
    except (WorkerTrouble, QuestionFailed) as trouble:
        refuse(503, "worker_unavailable", str(trouble))


def _run(
    graph: Graph, would: Iterable[Mapping[str, Any]], costs: Mapping[str, ClassTotal]
) -> list[dict[str, Any]]:
    names = names_of(graph)
    return [
        {
            "node_id": item["node"],
            "class_type": item["class_type"],
            "title": title_of(graph.nodes[item["node"]]),
            "why": item["why"],
            "changes": item["changes"],
            "seconds": _mean(costs.get(item["class_type"])),
            "text": "would run" + why_text(graph.nodes[item["node"]], item, names),
        }
        for item in would
    ]


def _mean(cost: ClassTotal | None) -> float | None:
    """Seconds that a run of the class took so far, on average."""
    return None if cost is None or not cost.runs else round(cost.seconds / cost.runs, 4)


def _expected(classes: Iterable[str], costs: Mapping[str, ClassTotal]) -> dict[str, Any]:
    """What the nodes of these classes would take; ``unknown`` are those that never ran here.

    Memory is the largest peak that any of the classes ever had.
    """
    means = [(name, _mean(costs.get(name))) for name in classes]
    known = [(name, mean) for name, mean in means if mean is not None]
    return {
        "seconds": round(sum(mean for _, mean in known), 4),
        "peak_bytes": max((costs[name].peak_bytes for name, _ in known), default=0) or None,
        "unknown": sorted({name for name, mean in means if mean is None}),
        "basis": _BASIS,
    }


def _invalid(checked: Validation, missing: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    """What validation found, but for the files that are listed as missing."""
    listed = {(item["node_id"], item["input"]) for item in missing}
    for node_id, entry in checked.node_errors.items():
        for error in entry["errors"]:
            if (node_id, error["extra_info"].get("input_name")) not in listed:
                yield _problem(node_id, error["type"], _sentence(error))
    if checked.error is None or checked.node_errors:
        return
    for item in checked.error.extra_info.get("missing", ()):
        one = problems.missing_node_type([item])
        yield _problem(item["node_id"], one.type, one.message)
    if "missing" not in checked.error.extra_info:
        error = checked.error.to_json()
        yield _problem(error["extra_info"].get("node_id"), error["type"], _sentence(error))


def _sure_to_fail(errors: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    """What nodes that were tried said: a LoRA that fits nothing, a file that is damaged."""
    for data in errors:
        yield _problem(data["node_id"], data["exception_type"], data["exception_message"])


def _sentence(error: Mapping[str, Any]) -> str:
    return ": ".join(filter(None, (error["message"], error["details"])))


def _problem(node_id: str | None, type_: str, message: str) -> dict[str, Any]:
    return {"node_id": node_id, "type": type_, "message": message}

"""What a job would do, without doing it: which nodes would run, which results are there.

Nodes that cost next to nothing and change nothing (loaders of handles, LoRA nodes) are run for
real, because only they can say that a file is damaged or that a LoRA fits nothing. What they give
is not kept: the run that follows finds everything as it was, and says rightly why its nodes ran.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from engine.execution.job import Cancel, Event, Job
from engine.execution.job_run import JobRun
from engine.execution.work import strong_sources

if TYPE_CHECKING:
    from engine.execution.executor import Executor


def foresee(engine: Executor, job: Job) -> dict[str, Any]:
    """The plan of a job, as JSON.

    ``run``: ``[{"node", "class_type", "why", "changes"}]``, sources first; ``cached``: the ids of
    nodes whose results would be taken; ``problems``: the data of each ``execution_error`` that is
    sure to come; ``notes``: what light nodes would show, by id. Lazy inputs count as not asked for,
    and what an expansion would add is not known before it has run.
    """
    trial = JobRun(engine, job, _say_nothing, Cancel())
    trial.learn([job.graph.nodes[i] for i in trial.needed])
    would, cached = _divide(trial, job)
    light = _light(engine, job, would)
    problems: list[Any] = []
    notes: dict[str, Any] = {}
    if light:
        tried = replace(job, outputs=tuple(light))
        outcome = engine.on_trial().run(tried, _say_nothing, Cancel())
        problems = [data for type_, data in outcome.messages if type_ == "execution_error"]
        notes = outcome.outputs
    return {
        "run": [
            {"node": i, "class_type": job.graph.nodes[i].class_type, **trial.why(i)} for i in would
        ],
        "cached": cached,
        "problems": problems,
        "notes": notes,
    }


def _divide(trial: JobRun, job: Job) -> tuple[list[str], list[str]]:
    """The nodes that would run, sources first, and the cached ones that they or nobody needs."""
    would: set[str] = set()
    cached: dict[str, None] = {}
    stack = list(reversed(job.outputs))
    while stack:
        node_id = stack.pop()
        if node_id in would or node_id in cached:
            continue
        if trial.is_cached(node_id):
            cached[node_id] = None
            continue
        would.add(node_id)
        stack += strong_sources(job.graph.nodes[node_id], trial.spec(node_id))
    return [i for i in job.graph.needed(job.outputs) if i in would], list(cached)


def _light(engine: Executor, job: Job, would: list[str]) -> list[str]:
    """Those of ``would`` that are light with all that feeds them, so that trying costs nothing."""
    nodes, light = job.graph.nodes, set[str]()
    for node_id in job.graph.needed(job.outputs):
        node = nodes[node_id]
        if engine.registry[node.class_type].spec.light and light.issuperset(node.sources):
            light.add(node_id)
    return [node_id for node_id in would if node_id in light]


def _say_nothing(_: Event) -> None:
    """Nobody watches a plan."""

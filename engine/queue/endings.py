"""How a job ends when it is not its engine that says so: a dead worker, a forced cancel."""

from collections.abc import Sequence
from typing import Any

from engine.queue.job import MAX_ATTEMPTS
from engine.queue.results import Result
from engine.queue.statements import now_ms


def job_error(
    prompt_id: str,
    *,
    message: str,
    type_: str,
    node: tuple[str, str] = ("", ""),
    trace: Sequence[str] = (),
) -> dict[str, Any]:
    """The data of an ``execution_error`` event. ``node`` is the id and class it is laid to."""
    return {
        "prompt_id": prompt_id,
        "node_id": node[0],
        "node_type": node[1],
        "executed": [],
        "exception_message": message + "\n",
        "exception_type": type_,
        "traceback": list(trace),
        "current_inputs": {},
        "current_outputs": [],
        "timestamp": now_ms(),
    }


def worker_died(prompt_id: str, why: str, node: tuple[str, str] = ("", "")) -> Result:
    """The result of a job whose last attempt ended with its worker."""
    message = f"{why} This was attempt {MAX_ATTEMPTS} of {MAX_ATTEMPTS}, so it is not tried again."
    data = job_error(prompt_id, message=message, type_="WorkerDied", node=node)
    return Result.of("error", {}, {}, [["execution_error", data]])


def interrupted(prompt_id: str, node: tuple[str, str] = ("", "")) -> Result:
    """The result of a job that had to be cancelled by ending its worker."""
    data = {
        "prompt_id": prompt_id,
        "node_id": node[0],
        "node_type": node[1],
        "executed": [],
        "timestamp": now_ms(),
    }
    return Result.of("interrupted", {}, {}, [["execution_interrupted", data]])

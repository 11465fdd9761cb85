"""A job as the jobs API shows it: times, counts, one output to look at, the error.

The official front end drops a whole page when one field of one job is not what it expects, and
results come from nodes that we did not write. So whatever does not fit is left out here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.queue.job import State
from engine.queue.jsontext import plain_number
from engine.queue.results import Summary

STATUS_OF: Mapping[str, str] = {
    "pending": "pending",
    "running": "in_progress",
    "completed": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
}


@dataclass(frozen=True, slots=True)
class JobRow:
    """What the table of jobs says of one."""

    id: str
    state: State
    number: float
    created_ms: int
    started_ms: int | None
    ended_ms: int | None
    workflow_id: str | None
    error: str | None = None


def card_of(row: JobRow, summary: Summary | None = None) -> dict[str, Any]:
    """The job object; ``summary`` is that of its result, if it has one."""
    summary = summary or Summary()
    optional = {
        "execution_start_time": None if row.state == "pending" else row.started_ms,
        "execution_end_time": row.ended_ms,
        "workflow_id": row.workflow_id,
        "preview_output": summary.preview,
        "execution_error": summary.error if row.state == "failed" else None,
        "reason": row.error,
    }
    return {
        "id": row.id,
        "status": STATUS_OF[row.state],
        "priority": plain_number(float(row.number)),
        "create_time": row.created_ms,
        "outputs_count": summary.shown,
        "previewable_outputs_count": summary.previewable,
        **{name: value for name, value in optional.items() if value is not None},
    }


def workflow_id_of(extra: Mapping[str, Any]) -> str | None:
    """``extra_pnginfo.workflow.id``, if there is such a thing and it is a text."""
    found: Any = extra
    for name in ("extra_pnginfo", "workflow", "id"):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else None

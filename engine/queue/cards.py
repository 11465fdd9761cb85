"""A job as the jobs API shows it: times, counts, one output to look at, the error.

The official front end drops a whole page when one field of one job is not what it expects, and
results come from nodes that we did not write. So whatever does not fit is left out here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.queue.job import State
from engine.queue.jsontext import plain_number

STATUS_OF: Mapping[str, str] = {
    "pending": "pending",
    "running": "in_progress",
    "completed": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
}
_VISUAL = frozenset(("images", "gifs", "video", "videos", "3d"))
_SHOWN = _VISUAL | {"audio", "text"}
_PLACES = frozenset(("input", "output", "temp"))
_MAX_TEXT = 1024


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


@dataclass(frozen=True, slots=True)
class _Item:
    node_id: str
    media: str
    item: Any


def card_of(
    row: JobRow, outputs: Mapping[str, Any] | None = None, messages: Sequence[Any] = ()
) -> dict[str, Any]:
    """The job object; ``outputs`` and ``messages`` are those of its result, if it has one."""
    items = list(_items(outputs or {}))
    optional = {
        "execution_start_time": None if row.state == "pending" else row.started_ms,
        "execution_end_time": row.ended_ms,
        "workflow_id": row.workflow_id,
        "preview_output": _preview(items),
        "execution_error": _error(messages) if row.state == "failed" else None,
        "reason": row.error,
    }
    return {
        "id": row.id,
        "status": STATUS_OF[row.state],
        "priority": plain_number(float(row.number)),
        "create_time": row.created_ms,
        "outputs_count": len(items),
        "previewable_outputs_count": sum(item.media in _SHOWN for item in items),
        **{name: value for name, value in optional.items() if value is not None},
    }


def workflow_id_of(extra: Mapping[str, Any]) -> str | None:
    """``extra_pnginfo.workflow.id``, if there is such a thing and it is a text."""
    found: Any = extra
    for name in ("extra_pnginfo", "workflow", "id"):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else None


def _items(outputs: Mapping[str, Any]) -> Iterator[_Item]:
    """Files and texts that nodes show."""
    for node_id, ui in outputs.items():
        if not isinstance(ui, Mapping):
            continue
        for media, items in ui.items():
            if not isinstance(items, (list, tuple)):
                continue
            for item in items:
                if _is_file(item) or (media == "text" and isinstance(item, str)):
                    yield _Item(str(node_id), str(media), item)


def _is_file(item: Any) -> bool:
    return (
        isinstance(item, Mapping)
        and isinstance(item.get("filename"), str)
        and isinstance(item.get("subfolder", ""), str)
        and item.get("type") in _PLACES
    )


def _preview(items: Sequence[_Item]) -> dict[str, Any] | None:
    """The item that says most about the job: a saved file, else what is visual, else a text."""
    shown = [item for item in items if item.media in _SHOWN]
    best = min(shown, key=_rank, default=None)
    if best is None:
        return None
    about = {"nodeId": best.node_id, "mediaType": best.media}
    if isinstance(best.item, str):
        cut = {"truncated": True} if len(best.item) > _MAX_TEXT else {}
        return {"content": best.item[:_MAX_TEXT], **cut, **about}
    file = {name: best.item.get(name, "") for name in ("filename", "subfolder", "type")}
    return {**file, **about}


def _rank(item: _Item) -> int:
    if isinstance(item.item, str):
        return 4
    if item.media == "text":
        return 3
    if item.item["type"] == "output":
        return 0
    return 1 if item.media in _VISUAL else 2


def _error(messages: Sequence[Any]) -> dict[str, Any] | None:
    """The data of the last ``execution_error``, its fields as texts."""
    found: Any = None
    for type_, data in messages:
        if type_ == "execution_error" and isinstance(data, Mapping):
            found = data
    if found is None:
        return None
    texts = ("node_id", "node_type", "exception_message", "exception_type")
    trace = found.get("traceback")
    lines = [str(line) for line in trace] if isinstance(trace, (list, tuple)) else []
    return {**found, **{name: str(found.get(name, "")) for name in texts}, "traceback": lines}

"""How an attempt ended, as a worker packs it: JSON texts that nobody on the way has to read.

A large result is as long as its prompt. The worker writes it once, and the server puts the texts
into the database and into answers; what it has to know of them itself comes along as a summary.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from engine.queue.jsontext import dumps

Status = Literal["success", "error", "interrupted"]
_VISUAL = frozenset(("images", "gifs", "video", "videos", "3d"))
_SHOWN = _VISUAL | {"audio", "text"}
_PLACES = frozenset(("input", "output", "temp"))
_MAX_TEXT = 1024


@dataclass(frozen=True, slots=True)
class Summary:
    """What the lists of jobs show of a result, and what the sums over all jobs take from it.

    Attributes:
        shown: how many files and texts its nodes show, ``previewable`` those of kinds that can be
            looked at; ``preview`` is the one that says most.
        error: the data of the last ``execution_error``, its fields as texts.
        cached: how many results were taken from the cache.
        classes: ``[class, runs, seconds, bytes, largest peak]`` of the nodes that ran.
    """

    shown: int = 0
    previewable: int = 0
    preview: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    cached: int = 0
    classes: Sequence[Sequence[Any]] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """How an attempt ended. All but the status and the summary are JSON texts.

    Attributes:
        outputs: what each node shows, by node id.
        meta: ``{node_id, display_node, parent_node, real_node_id}`` by node id.
        messages: the ``execution_*`` events of the run, ``[type, data]`` each.
        ledger: ``{"seconds", "nodes": {id: {class_type, seconds, ...}}, "cached": [ids]}``: what
            each node cost and why it ran.
    """

    status: Status
    outputs: str
    meta: str
    messages: str
    ledger: str
    summary: Summary

    @classmethod
    def of(
        cls,
        status: Status,
        outputs: Mapping[str, Any],
        meta: Mapping[str, Any],
        messages: Sequence[Any],
        ledger: Mapping[str, Any] | None = None,
    ) -> Self:
        """The result of these values, which come from nodes and may be anything."""
        items = list(_items(outputs))
        summary = Summary(
            len(items),
            sum(media in _SHOWN for _, media, _ in items),
            _preview(items),
            _error(messages),
            len((ledger or {}).get("cached", ())),
            _by_class(ledger or {}),
        )
        parts = dumps(outputs), dumps(meta), dumps(list(messages)), dumps(ledger or {})
        return cls(status, *parts, summary)


# What a node shows: its id, the kind, and the file or text.
_Item = tuple[str, str, Any]


def _items(outputs: Mapping[str, Any]) -> Iterator[_Item]:
    """Files and texts that nodes show."""
    for node_id, ui in outputs.items():
        if not isinstance(ui, Mapping):
            continue
        for media, items in ui.items():
            if not isinstance(items, (list, tuple)):
                continue
            for item in items:
                if (media == "text" and isinstance(item, str)) or _is_file(item):
                    yield str(node_id), str(media), item


def _is_file(item: Any) -> bool:
    return (
        isinstance(item, Mapping)
        and isinstance(item.get("filename"), str)
        and isinstance(item.get("subfolder", ""), str)
        and item.get("type") in _PLACES
    )


def _preview(items: Sequence[_Item]) -> dict[str, Any] | None:
    """The item that says most about the job: a saved file, else what is visual, else a text."""
    best = min((one for one in items if one[1] in _SHOWN), key=_rank, default=None)
    if best is None:
        return None
    node_id, media, item = best
    about = {"nodeId": node_id, "mediaType": media}
    if isinstance(item, str):
        cut = {"truncated": True} if len(item) > _MAX_TEXT else {}
        return {"content": item[:_MAX_TEXT], **cut, **about}
    file = {name: item.get(name, "") for name in ("filename", "subfolder", "type")}
    return {**file, **about}


def _rank(one: _Item) -> int:
    _, media, item = one
    if isinstance(item, str):
        return 4
    if media == "text":
        return 3
    if item["type"] == "output":
        return 0
    return 1 if media in _VISUAL else 2


def _error(messages: Sequence[Any]) -> dict[str, Any] | None:
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


def _by_class(ledger: Mapping[str, Any]) -> list[list[Any]]:
    sums: dict[str, list[Any]] = {}
    for node in ledger.get("nodes", {}).values():
        name = str(node["class_type"])
        _, runs, seconds, size, peak = sums.get(name, (name, 0, 0.0, 0, 0))
        seconds += float(node.get("seconds") or 0)
        size += int(node.get("bytes") or 0)
        sums[name] = [name, runs + 1, seconds, size, max(peak, int(node.get("peak_bytes") or 0))]
    return list(sums.values())

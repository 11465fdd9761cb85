"""Why a node runs, in words: from the records of the ledger (``why`` and ``changes``)."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_MOST = 3  # inputs that one sentence names
_LONGEST = 60
_UNCLEAR = ": nobody noted why"


def reason(record: Mapping[str, Any], source_of: Callable[[str], str]) -> str:
    """What follows "ran" or "would run", such as `` because seed changed from 1 to 2``.

    Args:
        record: has ``why`` (``new``, ``changed``, ``upstream``, ``says so`` or ``evicted``) and
            ``changes``, each ``{"input", "from", "to"}``, or ``{"input"}`` for another result.
        source_of: the name for people of the node that is linked to an input.
    """
    why = record.get("why")
    if why in _PLAIN:
        return _PLAIN[why]
    # What a person changed says more than what follows from it.
    changes = sorted(record.get("changes") or (), key=lambda change: "to" not in change)
    said = [_sentence(change, source_of) for change in changes[:_MOST]]
    if not said:
        return _UNCLEAR
    left = len(changes) - len(said)
    if left:
        said.append("one more input changed" if left == 1 else f"{left} more inputs changed")
    return f" because {_listed(said)}"


_PLAIN = {
    "new": ": first time",
    "evicted": " again: the cache did not have its result any more",
    "says so": ": its class decides for itself when it has changed",
}


def _sentence(change: Mapping[str, Any], source_of: Callable[[str], str]) -> str:
    name = str(change.get("input", ""))
    if "to" not in change:
        return f"the result of {source_of(name)} is another one"
    (before, old_file), (now, new_file) = _read(change.get("from")), _read(change["to"])
    if before == now and old_file != new_file:
        return f"the file of {name}, {now}, changed"
    return f"{name} changed from {before} to {now}"


def _read(part: Any) -> tuple[str, str]:
    """A constant as people write it, and what is noted of the state of the file it names."""
    text = str(part)
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except ValueError:
        # No constant ("a link"), or a long one that was cut off.
        return (_short(text[1:]) if text.startswith('"') else text), ""
    return (_short(value) if isinstance(value, str) else text[:end]), text[end:]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return f"'{line}'" if len(line) <= _LONGEST else f"'{line[: _LONGEST - 3]}...'"


def _listed(parts: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))

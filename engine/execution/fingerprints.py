"""What goes into a node's key besides its inputs: what its class says has changed, and its id."""

import asyncio
import inspect
import json
import logging
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from engine.graph.definition import Definition
from engine.graph.graph import Link, Node
from engine.graph.run import Run

_log = logging.getLogger(__name__)


def salts(
    nodes: Iterable[Node],
    definition_of: Callable[[str], Definition],
    run_of: Callable[[Node], Run],
    wait: Callable[[Any], Any],
) -> dict[str, str]:
    """A text by node id, for the nodes that have one; equal texts mean "nothing has changed".

    ``wait`` waits in this thread for something awaitable.
    """
    found: dict[str, str] = {}
    for node in nodes:
        definition = definition_of(node.class_type)
        parts = []
        if definition.spec.not_idempotent:
            parts.append(f"id {node.id}")
        if definition.fingerprint is not None:
            parts.append(_fingerprint(definition, node, run_of(node), wait))
        if parts:
            found[node.id] = " ".join(parts)
    return found


def _fingerprint(definition: Definition, node: Node, run: Run, wait: Callable[[Any], Any]) -> str:
    """IS_CHANGED as text. What cannot be compared, and what raises, has always changed."""
    constants = {
        name: None if isinstance(value, Link) else value for name, value in node.inputs.items()
    }
    if definition.fingerprint is None:
        return ""
    try:
        value = definition.fingerprint(constants, run)
        return _text(wait(value) if inspect.isawaitable(value) else value)
    except asyncio.CancelledError:
        raise
    except (Exception, SystemExit):  # noqa: BLE001 - a pack's; by contract it counts as changed
        _log.warning(
            "Node %s (%s) could not say whether it has changed; it runs again.",
            node.id,
            node.class_type,
            exc_info=True,
        )
        return _different()


def _text(value: Any) -> str:
    """JSON where that is possible and says everything; NaN differs from itself."""
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False)
    except ValueError:
        return _different()
    except TypeError:
        return repr(value) if _tells(value) else _different()


def _tells(value: Any) -> bool:
    """Whether the ``repr`` is the value, and not the address of an object."""
    if isinstance(value, (bytes, frozenset, set, complex)):
        return True
    return isinstance(value, Mapping) and all(map(_tells, value.values()))


def _different() -> str:
    return uuid.uuid4().hex

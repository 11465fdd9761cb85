"""Describing a node's exception to the person at the canvas and to history."""

import time
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

_MAX_TEXT = 500
_MAX_ELEMENTS = 20


def error_data(
    prompt_id: str,
    node_id: str,
    node_type: str,
    error: BaseException,
    inputs: Mapping[str, Sequence[Any]],
    executed: list[str],
) -> dict[str, Any]:
    """The data of an ``execution_error`` event; ``inputs`` are the elements of each input."""
    return {
        "prompt_id": prompt_id,
        "node_id": node_id,
        "node_type": node_type,
        "executed": executed,
        "exception_message": f"{error}\n",
        "exception_type": _type_name(type(error)),
        "traceback": traceback.format_tb(error.__traceback__),
        "current_inputs": {
            name: [_shown(element) for element in elements[:_MAX_ELEMENTS]]
            for name, elements in inputs.items()
        },
        "current_outputs": executed,
        "timestamp": now_ms(),
    }


def now_ms() -> int:
    return int(time.time() * 1000)


def _type_name(kind: type[BaseException]) -> str:
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _shown(value: Any) -> Any:
    """A scalar as it is, anything else as a short text; tensors by shape, never by content."""
    if isinstance(value, (int, float, bool, type(None))):
        return value
    shape = getattr(value, "shape", None)
    text = f"{type(value).__name__}{tuple(shape)}" if shape is not None else str(value)
    return text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + "..."

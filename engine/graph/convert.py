"""Turning a constant from a prompt into the value its widget means, or into a problem."""

import math
from collections.abc import Callable
from typing import Any

from engine.files.confine import PathRefused
from engine.files.folders import PLACES, FileMissing, Folders
from engine.graph import problems
from engine.graph.problems import Problem
from engine.graph.spec import InputSpec

_MAX_SHOWN = 200


def convert(spec: InputSpec, value: Any, folders: Folders) -> tuple[Any, Problem | None]:
    """The converted value and, if it cannot be one or is not allowed, what is wrong."""
    if spec.is_combo:
        return _convert_combo(spec, value, folders)
    if spec.type not in _CONVERTERS:
        return value, None
    try:
        converted = _CONVERTERS[spec.type](value)
    except (TypeError, ValueError, OverflowError) as error:
        return value, problems.invalid_input_type(spec, _shown(value), str(error)[:_MAX_SHOWN])
    if isinstance(converted, float) and not math.isfinite(converted):
        why = "it must be a finite number"
        return value, problems.invalid_input_type(spec, str(converted), why)
    return converted, _range_problem(spec, converted)


def _to_int(value: Any) -> int:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("it must be a finite number")
    return int(value)


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "INT": _to_int,
    "FLOAT": float,
    "STRING": str,
    "BOOLEAN": bool,
}


def _range_problem(spec: InputSpec, value: Any) -> Problem | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        low, high = spec.options.get("min"), spec.options.get("max")
        if low is not None and value < low:
            return problems.out_of_range(spec, value, low, below=True)
        if high is not None and value > high:
            return problems.out_of_range(spec, value, high, below=False)
    return None


def _convert_combo(spec: InputSpec, value: Any, folders: Folders) -> tuple[Any, Problem | None]:
    if spec.folder in PLACES:
        return _convert_picture(spec, value, folders)
    offered = spec.choices
    if isinstance(value, str) and value in offered:
        return value, None
    if spec.folder is not None:
        offered = (*folders.names(spec.folder), *offered)
        # Workflows saved on Windows name sub-folders with a backslash.
        named = value.replace("\\", "/") if isinstance(value, str) else value
        if isinstance(named, str) and named in offered:
            return named, None
    return value, problems.value_not_in_list(spec, _shown(value), offered)


def _convert_picture(spec: InputSpec, value: Any, folders: Folders) -> tuple[Any, Problem | None]:
    """Pictures may be annotated (``x.png [output]``) or lie in sub-folders."""
    if not isinstance(value, str):
        return value, problems.invalid_input_type(spec, _shown(value), "it must be a file name")
    try:
        folders.find_picture(value, spec.folder or "input")
    except (PathRefused, FileMissing) as error:
        return value, problems.custom_validation_failed(spec, str(error))
    return value, None


def _shown(value: Any) -> Any:
    """A value small and safe enough for an error message."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, (int, float, bool, type(None))):
        return value if not isinstance(value, int) or abs(value) < 2**64 else f"{value:.3e}"
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."

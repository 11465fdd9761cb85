"""Turning a constant from a prompt into the value its widget means, or into a problem."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from engine.files.confine import PathRefused
from engine.files.folders import PLACES, FileMissing, Folders
from engine.graph import problems
from engine.graph.problems import Problem
from engine.graph.spec import InputSpec

_MAX_SHOWN = 200


def convert(
    spec: InputSpec, value: Any, folders: Folders, *, limits: bool = True
) -> tuple[Any, Problem | None]:
    """The converted value and, if it cannot be one or is not allowed, what is wrong.

    Without ``limits`` neither its range nor the list of a COMBO is looked at: the node does.
    """
    if spec.is_combo:
        return _convert_combo(spec, value, folders) if limits else (value, None)
    if spec.type not in _CONVERTERS:
        return value, None
    try:
        converted = _CONVERTERS[spec.type](value)
    except (TypeError, ValueError, OverflowError) as error:
        return value, problems.invalid_input_type(spec, _shown(value), str(error)[:_MAX_SHOWN])
    if isinstance(converted, float) and not math.isfinite(converted):
        why = "it must be a finite number"
        return value, problems.invalid_input_type(spec, str(converted), why)
    return converted, _range_problem(spec, converted) if limits else None


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
        low, high = _limit(spec, "min"), _limit(spec, "max")
        if low is not None and value < low:
            return problems.out_of_range(spec, value, low, below=True)
        if high is not None and value > high:
            return problems.out_of_range(spec, value, high, below=False)
    return None


def _limit(spec: InputSpec, name: str) -> float | None:
    """``min`` or ``max``. Packs write anything there; what is no number limits nothing."""
    limit = spec.options.get(name)
    return limit if isinstance(limit, (int, float)) else None


def _convert_combo(spec: InputSpec, value: Any, folders: Folders) -> tuple[Any, Problem | None]:
    if spec.unlisted:
        return value, None
    if spec.folder in PLACES:
        return _convert_picture(spec, value, folders)
    if spec.options.get("multiselect") and isinstance(value, tuple):
        return _convert_each(spec, value, folders)
    if value in spec.choices:
        return value, None
    offered = spec.choices
    if spec.folder is not None:
        offered = (*folders.names(spec.folder), *offered)
        # Workflows saved on Windows name sub-folders with a backslash.
        named = value.replace("\\", "/") if isinstance(value, str) else value
        if isinstance(named, str) and named in offered:
            return named, None
    return value, problems.value_not_in_list(spec, _shown(value), offered)


def _convert_each(
    spec: InputSpec, values: tuple[Any, ...], folders: Folders
) -> tuple[Any, Problem | None]:
    """Several values of one list; the first that is not in it is named."""
    one = replace(spec, options={k: v for k, v in spec.options.items() if k != "multiselect"})
    converted = [_convert_combo(one, value, folders) for value in values]
    found = next((problem for _, problem in converted if problem is not None), None)
    return tuple(value for value, _ in converted), found


def _convert_picture(spec: InputSpec, value: Any, folders: Folders) -> tuple[Any, Problem | None]:
    """Pictures may be annotated (``x.png [output]``) or lie in sub-folders."""
    if not isinstance(value, str):
        return value, problems.invalid_input_type(spec, _shown(value), "it must be a file name")
    try:
        folders.find_picture(value, spec.folder or "input")
    except (PathRefused, FileMissing) as error:
        return value, problems.custom_validation_failed(spec.name, str(error))
    return value, None


def _shown(value: Any) -> Any:
    """A value small and safe enough for an error message."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, (int, float, bool, type(None))):
        return value if not isinstance(value, int) or abs(value) < 2**64 else f"{value:.3e}"
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."

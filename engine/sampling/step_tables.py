"""Schedules that somebody searched for: their numbers are data (`data/step_tables.json`)."""

import functools
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.sampling.sigmas import with_last

_TABLES = Path(__file__).parent / "data" / "step_tables.json"


def align_your_steps(model: str, steps: int, denoise: float) -> Tensor:
    """Sabour et al. 2024, arXiv 2404.14507, for "SD1", "SDXL" or "SVD": [round(steps denoise) + 1].

    Empty when `denoise` is 0, as all of these are.
    """
    return _last(_stretched(_table("align_your_steps")[model], steps), steps, denoise)


def optimal_steps(model: str, steps: int, denoise: float) -> Tensor:
    """Pei et al. 2025, arXiv 2503.21774, for "FLUX", "Wan" or "Chroma"."""
    return _last(_stretched(_table("optimal_steps")[model], steps), steps, denoise)


def gits(coefficient: float, steps: int, denoise: float) -> Tensor:
    """Geometry-inspired time scheduling: Chen et al. 2024, arXiv 2405.11326.

    Raises ValueError for a coefficient or a number of steps without a table.
    """
    tables: Mapping[str, Sequence[Sequence[float]]] = _table("gits")
    rows = tables.get(f"{coefficient:.2f}")
    if rows is None or steps < 2:
        raise ValueError(
            f"GITS has tables for 2 steps and more and for the coefficients {', '.join(tables)}; "
            f"{coefficient:g} with {steps} is none of them."
        )
    searched = rows[steps - 2] if steps - 2 < len(rows) else rows[-1]
    return _last(_stretched(searched, steps), steps, denoise)


def _last(sigmas: list[float], steps: int, denoise: float) -> Tensor:
    """The end of the list that `denoise` asks for, its last sigma 0."""
    if denoise <= 0:
        return torch.empty(0)
    kept = round(steps * denoise) if denoise < 1 else steps
    return with_last(torch.tensor(sigmas[-(kept + 1) :], dtype=torch.float32), 0.0)


def _stretched(values: Sequence[float], steps: int) -> list[float]:
    """`steps` + 1 points on the falling curve through `values`, even in their logarithm."""
    if len(values) == steps + 1:
        return list(values)
    logs, pieces = [math.log(value) for value in values], len(values) - 1
    return [math.exp(_at(logs, pieces * k / steps)) for k in range(steps + 1)]


def _at(logs: Sequence[float], place: float) -> float:
    low = min(int(place), len(logs) - 2)
    return logs[low] + (place - low) * (logs[low + 1] - logs[low])


@functools.cache
def _table(kind: str) -> Any:
    return json.loads(_TABLES.read_text(encoding="utf-8"))[kind]

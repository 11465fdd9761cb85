"""JSON as text that every client can read: compact, ASCII, never NaN or Infinity.

Results of nodes come from code we did not write, so whatever is not JSON is turned into something
that is, rather than costing a job its result.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

# Made once: `json.dumps` with arguments makes one at each call.
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=str)


def dumps(value: Any) -> str:
    """``value`` as JSON. Floats that are not finite become null, foreign objects their ``str``."""
    try:
        return _ENCODER.encode(value)
    except (ValueError, TypeError):
        return _ENCODER.encode(_cleaned(value))


def _cleaned(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _cleaned(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_cleaned(item) for item in value]
    return value


def plain_number(number: float) -> float:
    """``3`` for ``3.0``: queue numbers are counted in integers unless a client chose otherwise."""
    return int(number) if number.is_integer() and abs(number) < 2**53 else number

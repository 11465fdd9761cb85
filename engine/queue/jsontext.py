"""JSON as text that every client can read: compact, ASCII, never NaN or Infinity.

Results of nodes come from code we did not write, so whatever is not JSON is turned into something
that is, rather than costing a job its result.
"""

import json
import math
from collections.abc import Callable, Mapping
from json import encoder
from typing import Any

# Deeper than this, and longer as the text of an object, nobody looks.
_MAX_DEPTH = 100
_MAX_TEXT = 10_000


def dumps(value: Any) -> str:
    """``value`` as JSON. Floats that are not finite become null, foreign objects their ``str``,
    bytes their number, and a ring is cut.
    """
    try:
        return _encode(value)
    except (ValueError, TypeError, RecursionError):
        return _encode(_cleaned(value, ()))


def _text(value: Any) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"<{len(value):,} bytes>"
    try:
        text = str(value)
    except Exception:  # noqa: BLE001 - a foreign object's own code
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + "..."


def _encoder() -> Callable[[Any], str]:
    """``JSONEncoder.encode`` with our choices. It makes a new encoder in C for each value, which
    takes as long as a small value itself; ours is made once, where Python has it in C.
    """
    make = getattr(encoder, "c_make_encoder", None)
    if make is None:
        plain = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=_text)
        return plain.encode
    quote = encoder.encode_basestring_ascii
    chunks = make(None, _text, quote, None, ":", ",", False, False, False)
    return lambda value: "".join(chunks(value, 0))


_encode = _encoder()


def _cleaned(value: Any, inside: tuple[int, ...]) -> Any:
    """``inside``: the identities of the containers that ``value`` lies in."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if not isinstance(value, (Mapping, list, tuple)):
        return value
    if id(value) in inside or len(inside) == _MAX_DEPTH:
        return "..."
    inside = (*inside, id(value))
    if isinstance(value, Mapping):
        return {_text(key): _cleaned(item, inside) for key, item in value.items()}
    return [_cleaned(item, inside) for item in value]


def plain_number(number: float) -> float:
    """``3`` for ``3.0``: queue numbers are counted in integers unless a client chose otherwise."""
    return int(number) if number.is_integer() and abs(number) < 2**53 else number

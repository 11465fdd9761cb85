"""What packs say of their classes, as plain data: JSON values and names of types.

Packs subclass ``str``, ``tuple`` and ``dict`` to be accepted everywhere. Their objects are asked,
once, what they accept; what goes on from here has no tricks in it.
"""

import math
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from engine.graph.types import ANY

# Types that a text which is equal to some others, but not to all, is compared with.
KNOWN_TYPES = (
    *("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"),
    *("IMAGE", "MASK", "LATENT", "CONDITIONING", "MODEL", "CLIP", "VAE", "CONTROL_NET"),
    *("CLIP_VISION", "CLIP_VISION_OUTPUT", "STYLE_MODEL", "GLIGEN", "UPSCALE_MODEL"),
    *("SAMPLER", "SIGMAS", "NOISE", "GUIDER", "AUDIO", "VIDEO"),
)
_NO_TYPE = "\0 no type is called this"


def type_name(value: Any) -> str:
    """The name of a type: ``*`` for a wildcard, a union for a text that equals several."""
    if not isinstance(value, str):
        return str(value)
    name = str.__str__(value.value if isinstance(value, Enum) else value)
    if type(value) is str:
        return name
    if not value != _NO_TYPE:  # noqa: SIM202 - `!=` is what packs override
        return ANY
    also = [known for known in KNOWN_TYPES if known != name and not value != known]  # noqa: SIM202
    return ",".join((name, *also))


def plain(value: Any) -> Any:
    """``value`` as JSON has it. Infinite numbers become None, foreign objects their text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=str)
    return _foreign(value)


def _foreign(value: Any) -> Any:
    """Numbers of array libraries, views of dictionaries, and whatever else."""
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "shape", None) == ():
        return plain(item())
    if isinstance(value, Iterable) and not isinstance(value, (bytes, type)):
        return [plain(one) for one in value]
    return str(value)

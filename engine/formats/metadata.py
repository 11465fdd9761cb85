"""The texts embedded in saved pictures: the prompt and the workflow it came from."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# The keyword of what the engine says of itself.
ENGINE = "patchbay"


@dataclass(frozen=True, slots=True)
class MetadataPolicy:
    """What saved pictures carry.

    Attributes:
        embed: whether they carry the workflow that made them, and ``engine``.
        engine: choices of the worker that the picture depends on and no workflow says.
    """

    embed: bool = True
    engine: Mapping[str, str] = field(default_factory=dict)


def picture_texts(
    prompt: Mapping[str, Any], extra: Mapping[str, Any], engine: Mapping[str, str]
) -> dict[str, str]:
    """Keyword and text of each PNG ``tEXt`` chunk; all texts are ASCII.

    Of ``extra`` (``extra_data``) only ``extra_pnginfo`` is meant for files; anything else in it,
    such as an account's key, must never be written.
    """
    texts = {"prompt": json.dumps(prompt)}
    workflow = extra.get("extra_pnginfo")
    if isinstance(workflow, Mapping):
        texts |= {str(key): json.dumps(value) for key, value in workflow.items()}
    # Last, because what a client sends under this name was said by another engine.
    return texts | ({ENGINE: json.dumps(dict(engine))} if engine else {})

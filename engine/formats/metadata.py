"""The texts embedded in saved pictures: the prompt and the workflow it came from."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class MetadataPolicy:
    """Whether saved pictures carry the workflow that made them."""

    embed: bool = True


def picture_texts(prompt: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, str]:
    """Keyword and text of each PNG ``tEXt`` chunk; all texts are ASCII.

    Of ``extra`` (``extra_data``) only ``extra_pnginfo`` is meant for files; anything else in it,
    such as an account's key, must never be written.
    """
    texts = {"prompt": json.dumps(prompt)}
    workflow = extra.get("extra_pnginfo")
    if isinstance(workflow, Mapping):
        texts |= {str(key): json.dumps(value) for key, value in workflow.items()}
    return texts

"""Hidden inputs: what the engine itself tells a node of a pack."""

from collections.abc import Callable, Mapping
from typing import Any

from engine.compat.comfy_execution.graph import DynamicPrompt
from engine.graph.run import Run

UNIQUE_ID = "UNIQUE_ID"

_MAKERS: Mapping[str, Callable[[Run], Any]] = {
    "PROMPT": lambda run: run.prompt,
    "EXTRA_PNGINFO": lambda run: run.extra.get("extra_pnginfo"),
    UNIQUE_ID: lambda run: run.node_id,
    "DYNPROMPT": DynamicPrompt,
    # Keys of a service that this engine does not use.
    "AUTH_TOKEN_COMFY_ORG": lambda _: None,
    "API_KEY_COMFY_ORG": lambda _: None,
}
MAGIC = frozenset(_MAKERS)


def hidden_values(wanted: Mapping[str, str], run: Run) -> dict[str, Any]:
    """By input name what the magic words in ``wanted`` stand for; other words mean nothing."""
    return {name: _MAKERS[word](run) for name, word in wanted.items() if word in _MAKERS}

"""``comfy_execution.utils``: which node is running."""

from typing import NamedTuple

from engine.compat.context import current


class ExecutionContext(NamedTuple):
    """``list_index``: which of the node's calls this is, when its inputs are lists."""

    prompt_id: str
    node_id: str
    list_index: int | None


def get_executing_context() -> ExecutionContext | None:
    """The call that the caller runs in, or None outside any."""
    call = current()
    if call is None:
        return None
    return ExecutionContext(call.run.prompt_id, call.run.node_id, call.run.list_index)

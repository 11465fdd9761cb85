"""``comfy_execution.graph``: blocking what follows, and looking at the graph while it runs."""

from typing import Any

from engine.formats.api import write_prompt
from engine.graph.graph import Graph
from engine.graph.run import Run


class ExecutionBlocker:
    """Returned in place of a value: what takes it is not run. A message is told once."""

    def __init__(self, message: str | None) -> None:
        self.message = message


class NodeNotFoundError(KeyError):
    """There is no node of this id in the graph."""


class DynamicPrompt:
    """The graph of the running prompt, with the nodes that others have put in their place."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def get_node(self, node_id: str) -> dict[str, Any]:
        """The node in API format. Raises ``NodeNotFoundError``."""
        try:
            node = self._run.graph.node(node_id)
        except KeyError:
            raise NodeNotFoundError(f"Node {node_id} not found") from None
        written: dict[str, Any] = write_prompt(Graph({node_id: node}))[node_id]
        return written

    def has_node(self, node_id: str) -> bool:
        try:
            self._run.graph.node(node_id)
        except KeyError:
            return False
        return True

    def all_node_ids(self) -> set[str]:
        return set(self._run.graph.ids())

    def get_original_prompt(self) -> dict[str, Any]:
        """The submitted graph in API format."""
        return dict(self._run.prompt)

    def get_parent_node_id(self, node_id: str) -> str | None:
        return self._run.graph.parent(node_id)

    def get_real_node_id(self, node_id: str) -> str:
        return self._run.graph.real(node_id)

    def get_display_node_id(self, node_id: str) -> str:
        return self._run.graph.display(node_id)

"""One call of one node: its inputs gathered, its function called, its result put into an Entry."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from engine.execution.cache import Entry
from engine.execution.job import Cancel, Job
from engine.execution.progress import ProgressBoard
from engine.files.folders import Folders
from engine.graph.graph import Graph, Link, Node
from engine.graph.native import Definition
from engine.graph.run import Cancelled, Preview

T = TypeVar("T")
# The graph in API format, written only for the nodes that ask for it.
WritePrompt = Callable[[Graph], Mapping[str, Any]]


class NodeError(RuntimeError):
    """A node function broke its contract: the engine's own complaint about it."""


@dataclass(frozen=True, slots=True)
class NodeRun:
    """The engine's side of ``engine.graph.run.Run``."""

    node_id: str
    job: Job
    folders: Folders
    services: Mapping[type[Any], Any]
    board: ProgressBoard
    cancel: Cancel
    wants_preview: bool
    write_prompt: WritePrompt
    shown: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def prompt(self) -> Mapping[str, Any]:
        return self.write_prompt(self.job.graph)

    @property
    def extra(self) -> Mapping[str, Any]:
        return self.job.extra

    def check(self) -> None:
        if self.cancel.is_set():
            raise Cancelled

    def progress(self, value: int, total: int, preview: Preview | None = None) -> None:
        self.check()
        self.board.step(self.node_id, value, total, preview)

    def show(self, kind: str, items: Sequence[Any]) -> None:
        self.shown.setdefault(kind, []).extend(items)

    def service(self, kind: type[T]) -> T:
        found: T = self.services[kind]
        return found


def arguments(
    node: Node, definition: Definition, values: Mapping[str, Entry], run: NodeRun
) -> dict[str, Any]:
    """The keyword arguments of the call: declared inputs only, links replaced by their values."""
    gathered: dict[str, Any] = {}
    for item in definition.spec.inputs:
        value = node.inputs.get(item.name)
        if isinstance(value, Link):
            gathered[item.name] = values[value.node].values[value.slot]
        elif item.name in node.inputs:
            gathered[item.name] = value
    if definition.run_parameter:
        gathered[definition.run_parameter] = run
    return gathered


def entry_of(definition: Definition, returned: Any, run: NodeRun) -> Entry:
    """What a native function returned, by output slot, and what it showed.

    Raises:
        NodeError: not as many values as the node declares outputs.
    """
    count = len(definition.spec.outputs)
    values = returned if isinstance(returned, tuple) else (() if returned is None else (returned,))
    if len(values) != count:
        name = definition.spec.class_type
        raise NodeError(f"{name} declares {count} outputs but returned {len(values)} values.")
    return Entry(tuple(values), run.shown or None)

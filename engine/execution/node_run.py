"""The engine's side of ``engine.graph.run.Run``: what one call of one node may ask for."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar

from engine.execution.checkpoints import Checkpoints
from engine.execution.job import Cancel, Job
from engine.execution.live import Live
from engine.execution.progress import ProgressBoard
from engine.files.folders import Folders
from engine.graph.graph import Graph
from engine.graph.keys import Key
from engine.graph.run import Cancelled, Preview

T = TypeVar("T")
# The graph in API format, written only for the nodes that ask for it.
WritePrompt = Callable[[Graph], Mapping[str, Any]]


class Instances:
    """Objects that nodes keep between prompts, by node id and class. The ones used last stay."""

    def __init__(self, limit: int = 4096) -> None:
        self._kept: OrderedDict[tuple[str, str], Any] = OrderedDict()
        self._limit = limit
        self._lock = Lock()

    def get(self, node_id: str, class_type: str, make: Callable[[], T]) -> T:
        with self._lock:
            found = self._kept.get((node_id, class_type))
            if found is None:
                found = self._kept[node_id, class_type] = make()
            self._kept.move_to_end((node_id, class_type))
            if len(self._kept) > self._limit:
                self._kept.popitem(last=False)
        kept: T = found
        return kept

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all nodes of a worker may use."""

    folders: Folders
    services: Mapping[type[Any], Any]
    write_prompt: WritePrompt
    instances: Instances
    checkpoints: Checkpoints


@dataclass(frozen=True, slots=True)
class NodeRun:
    """One call: ``list_index`` of node ``node_id``."""

    node_id: str
    key: Key
    list_index: int
    job: Job
    around: Surroundings
    graph: Live
    board: ProgressBoard
    cancel: Cancel
    wants_preview: bool
    shown: dict[str, list[Any]]

    @property
    def prompt_id(self) -> str:
        return self.job.prompt_id

    @property
    def folders(self) -> Folders:
        return self.around.folders

    @property
    def prompt(self) -> Mapping[str, Any]:
        return self.around.write_prompt(self.job.graph)

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
        found: T = self.around.services[kind]
        return found

    def instance(self, make: Callable[[], T]) -> T:
        class_type = self.graph.node(self.node_id).class_type
        return self.around.instances.get(self.node_id, class_type, make)

    def resumed(self) -> bytes | None:
        return self.around.checkpoints.load(self.state_key)

    def keep(self, state: Callable[[], bytes]) -> None:
        self.around.checkpoints.offer(self.state_key, state)

    @property
    def state_key(self) -> Key:
        """States are kept by what is computed: a changed prompt never takes up an old one."""
        return f"{self.key}-{self.list_index}"

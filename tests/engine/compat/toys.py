"""The toy pack, loaded, and a run of one node without an engine around it."""

import importlib
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from engine.compat import importing
from engine.compat.packs import definitions_of
from engine.files.folders import Folders
from engine.formats.api import read_prompt
from engine.graph.definition import Definition, Returned
from engine.graph.graph import Graph, Node
from engine.graph.registry import Registry
from engine.graph.run import Preview

T = TypeVar("T")

importing.install()
V1 = importlib.import_module("tests.engine.compat.pack.v1_nodes")
RUNNING = importlib.import_module("tests.engine.compat.pack.v1_running")
V3 = importlib.import_module("tests.engine.compat.pack.v3_nodes")
REGISTRY = Registry([found for pack in (V1, RUNNING, V3) for found in definitions_of(pack)])


@dataclass(frozen=True)
class Still:
    """A graph that nothing is put into."""

    graph: Graph

    def ids(self) -> Sequence[str]:
        return list(self.graph.nodes)

    def node(self, node_id: str) -> Node:
        return self.graph.nodes[node_id]

    def parent(self, node_id: str) -> str | None:
        return None

    def display(self, node_id: str) -> str:
        return node_id

    def real(self, node_id: str) -> str:
        return node_id


@dataclass
class Alone:
    """A ``Run`` of node "1" of a submitted prompt."""

    prompt: Mapping[str, Any]
    node_id: str = "1"
    prompt_id: str = "p"
    list_index: int = 0
    extra: Mapping[str, Any] = field(default_factory=lambda: {"extra_pnginfo": {"workflow": {}}})
    folders: Folders = field(default_factory=lambda: Folders(Path("nowhere")))
    wants_preview: bool = False
    kept: dict[Any, Any] = field(default_factory=dict)

    @property
    def graph(self) -> Still:
        return Still(read_prompt(self.prompt))

    def instance(self, make: Callable[[], T]) -> T:
        found: T = self.kept.setdefault(make, None) or make()
        self.kept[make] = found
        return found

    def progress(self, value: int, total: int, preview: Preview | None = None) -> None: ...

    def check(self) -> None: ...

    def show(self, kind: str, items: Sequence[Any]) -> None: ...

    def service(self, kind: type[T]) -> T:
        raise KeyError(kind)

    def resumed(self) -> bytes | None:
        return None

    def keep(self, state: Callable[[], bytes]) -> None: ...


def prompt_of(class_type: str, **inputs: Any) -> dict[str, Any]:
    """Node "1" of the class, and a source "2" for links."""
    source = {"class_type": "V1Node", "inputs": {"value": 1}}
    return {"1": {"class_type": class_type, "inputs": inputs}, "2": source}


def run_of(class_type: str, **inputs: Any) -> Alone:
    return Alone(prompt_of(class_type, **inputs))


def call(class_type: str, submitted: Mapping[str, Any] | None = None, **inputs: Any) -> Returned:
    """One call with ``inputs``; ``submitted`` where a link was submitted for them."""
    run = run_of(class_type, **{**inputs, **(submitted or {})})
    result = definition(class_type).call(inputs, run)
    assert not inspect.isawaitable(result)
    return result


async def call_later(class_type: str, **inputs: Any) -> Returned:
    result = definition(class_type).call(inputs, run_of(class_type, **inputs))
    assert isinstance(result, Awaitable)
    returned: Returned = await result
    return returned


def definition(class_type: str) -> Definition:
    return REGISTRY[class_type]

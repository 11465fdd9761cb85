"""An executor with toy nodes and what it told, for the tests of this folder."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from engine.execution.cache import Cache
from engine.execution.checkpoints import Checkpoints
from engine.execution.executor import Executor
from engine.execution.job import Cancel, Event, Job, Outcome
from engine.execution.memory import MemoryCache
from engine.files.folders import Folders
from engine.files.stamps import Stamps
from engine.formats.api import read_prompt, write_prompt
from engine.graph.definition import Definition
from engine.graph.native import definitions
from engine.graph.registry import Registry
from engine.graph.validation import validate
from tests.engine.graph import toys


class Bench:
    """Runs prompts and remembers what was told about the last one."""

    def __init__(self, base: Path, extra: Iterable[Definition] = ()) -> None:
        self.folders = Folders(base)
        self.registry = Registry([*extra, *definitions(toys)])
        self.executor = self.make(MemoryCache(1 << 20))
        self.events: list[Event] = []
        self.cancel = Cancel()

    def make(self, cache: Cache, **options: Any) -> Executor:
        return Executor(
            self.registry,
            self.folders,
            {},
            cache,
            write_prompt,
            Checkpoints(self.folders.base / "checkpoints"),
            Stamps(),
            previews=True,
            **options,
        )

    def add(self, *functions: Callable[..., Any]) -> None:
        """Let these native nodes be known, too."""
        for function in functions:
            self.know(function.__patchbay_node__)  # type: ignore[attr-defined]

    def know(self, definition: Definition) -> None:
        """Let this node class be known, too; what was computed so far is forgotten."""
        self.registry = Registry([definition, *self.registry.values()])
        self.executor.close()
        self.executor = self.make(MemoryCache(1 << 20))

    def job(self, prompt: dict[str, Any], prompt_id: str = "p", **extra: Any) -> Job:
        checked = validate(read_prompt(prompt), self.registry.catalogue, self.folders)
        assert checked.error is None, checked
        return Job(prompt_id, checked.graph, checked.outputs, extra)

    def run(
        self, prompt: dict[str, Any], emit: Callable[[Event], None] | None = None, **extra: Any
    ) -> Outcome:
        self.events = []
        self.cancel = Cancel()
        return self.executor.run(self.job(prompt, **extra), emit or self.events.append, self.cancel)

    def ran(self) -> list[str]:
        return [e.data["node"] for e in self.events if e.type == "executing"]

    def told(self, type_: str) -> list[dict[str, Any]]:
        return [e.data for e in self.events if e.type == type_]


def toy(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}

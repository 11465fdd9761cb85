"""A ``Run`` for calling nodes as plain functions: real folders, real services, no engine."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from engine.files.folders import Folders
from engine.formats.metadata import MetadataPolicy
from engine.graph.run import Preview
from engine.sampling.policy import SamplingPolicy

T = TypeVar("T")
# What a worker is told that was started without flags.
POLICIES: Mapping[type[Any], Any] = {
    MetadataPolicy: MetadataPolicy(),
    SamplingPolicy: SamplingPolicy(),
}


@dataclass
class LocalRun:
    folders: Folders
    services: Mapping[type[Any], Any] = field(default_factory=dict)
    prompt: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    node_id: str = "1"
    prompt_id: str = "p"
    list_index: int = 0
    wants_preview: bool = False
    shown: dict[str, list[Any]] = field(default_factory=dict)
    steps: list[tuple[int, int]] = field(default_factory=list)
    previews: list[Preview] = field(default_factory=list)
    state: bytes | None = None
    kept: list[bytes] = field(default_factory=list)

    def progress(self, value: int, total: int, preview: Preview | None = None) -> None:
        self.steps.append((value, total))
        if preview is not None:
            self.previews.append(preview)

    def check(self) -> None:
        return

    def show(self, kind: str, items: Sequence[Any]) -> None:
        self.shown.setdefault(kind, []).extend(items)

    def service(self, kind: type[T]) -> T:
        found: T = {**POLICIES, **self.services}[kind]
        return found

    def resumed(self) -> bytes | None:
        return self.state

    def keep(self, state: Callable[[], bytes]) -> None:
        self.kept.append(state())

"""What a running node may ask of the engine. The engine's side is in ``engine/execution``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from engine.files.folders import Folders

T = TypeVar("T")


class Cancelled(Exception):
    """The job was cancelled. Raised inside a node by ``Run.check`` and ``Run.progress``."""


@dataclass(frozen=True, slots=True)
class Preview:
    """An encoded picture of work in progress."""

    image: bytes
    mime: str = "image/jpeg"


class Run(Protocol):
    """One execution of one node. A native node gets it by having a parameter of this type."""

    @property
    def node_id(self) -> str: ...

    @property
    def folders(self) -> Folders: ...

    @property
    def prompt(self) -> Mapping[str, Any]:
        """The graph in API format, constants converted: what is embedded in saved pictures."""

    @property
    def extra(self) -> Mapping[str, Any]:
        """``extra_data`` of the submission."""

    @property
    def wants_preview(self) -> bool:
        """Whether previews are worth encoding now."""

    def progress(self, value: int, total: int, preview: Preview | None = None) -> None:
        """Report ``value`` of ``total`` steps done. Raises ``Cancelled``."""

    def check(self) -> None:
        """Raises ``Cancelled`` when the job was cancelled."""

    def show(self, kind: str, items: Sequence[Any]) -> None:
        """Show JSON values on the node: ``images`` (files), ``text``, ``warnings`` ..."""

    def service(self, kind: type[T]) -> T:
        """The worker's instance of ``kind``, such as the ``Residency`` of weights."""

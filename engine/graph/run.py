"""What a running node may ask of the engine. The engine's side is in ``engine/execution``."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from engine.files.folders import Folders
from engine.graph.graph import Node

T = TypeVar("T")


class Cancelled(Exception):
    """The job was cancelled. Raised inside a node by ``Run.check`` and ``Run.progress``."""


@dataclass(frozen=True, slots=True)
class Preview:
    """An encoded picture of work in progress."""

    image: bytes
    mime: str = "image/jpeg"


class LiveGraph(Protocol):
    """The graph of a running job, with the nodes that others have put in their place."""

    def ids(self) -> Sequence[str]: ...

    def node(self, node_id: str) -> Node:
        """Raises KeyError."""

    def parent(self, node_id: str) -> str | None:
        """The node that expanded into this one."""

    def display(self, node_id: str) -> str:
        """The node under which people see this one."""

    def real(self, node_id: str) -> str:
        """The node of the submitted graph that this one comes from."""


class Run(Protocol):
    """One execution of one node. A native node gets it by having a parameter of this type."""

    @property
    def node_id(self) -> str: ...

    @property
    def prompt_id(self) -> str: ...

    @property
    def list_index(self) -> int:
        """Which of the node's calls this is, when its inputs are lists."""

    @property
    def graph(self) -> LiveGraph: ...

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

    def instance(self, make: Callable[[], T]) -> T:
        """What ``make`` made when this node of this class first ran: kept between prompts."""

    def resumed(self) -> bytes | None:
        """What an earlier attempt at this very computation kept, if it was cut off."""

    def keep(self, state: Callable[[], bytes]) -> None:
        """Offer a state to go on from; the engine takes one every few seconds."""

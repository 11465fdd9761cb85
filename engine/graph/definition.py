"""A node class that can be run, whichever way it was written, and what a call of it gives back.

Native functions (``native.py``) and the classes of ComfyUI packs (``engine/compat``) both become
a ``Definition``; the executor knows nothing else.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.graph.graph import Node
from engine.graph.run import Run
from engine.graph.spec import NodeSpec

Inputs = Mapping[str, Any]


class NodeError(RuntimeError):
    """A node broke its contract: the engine's own complaint about it."""


@dataclass(frozen=True, slots=True)
class Blocker:
    """A value that keeps whatever takes it from being run; a message is told once, as an error."""

    message: str | None = None


class Unevaluated:
    """Stands for a linked lazy input that nobody has asked for."""


UNEVALUATED = Unevaluated()


class NotYet(Exception):
    """A call needs lazy inputs that are not there: it is made again when they are.

    Not an error: raised by a native node's ``Lazy.get``, heard by the executor.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        super().__init__(", ".join(self.names))


@dataclass(frozen=True, slots=True)
class Expansion:
    """A small graph that a node puts in its place.

    Attributes:
        nodes: new nodes by id; their links lead to each other or to nodes that exist already.
        display: for some of them, the id of the node under which people see them.
        copies: for some of them, the node that they are a copy of: what they do and what goes wrong
            with them is told of that one.
    """

    nodes: Mapping[str, Node]
    display: Mapping[str, str] = field(default_factory=dict)
    copies: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Returned:
    """What one call gave.

    Attributes:
        values: one per output slot; a list for a slot that ``is_list``. Any may be a ``Blocker``,
            and with an expansion a ``Link`` to one of its nodes.
        ui: what is shown on the node, lists by kind.
    """

    values: tuple[Any, ...]
    ui: Mapping[str, Sequence[Any]] | None = None
    expansion: Expansion | None = None


@dataclass(frozen=True, slots=True)
class Definition:
    """A node class that can be run. Every function may also give an awaitable of its result.

    Attributes:
        call: one call with the inputs by name (lists of them when ``spec.input_is_list``). A linked
            lazy input that was not evaluated is ``UNEVALUATED``. Raises ``NotYet`` to get more.
        fingerprint: IS_CHANGED: called with constants only, ``None`` for what is linked. Its value
            is part of the key; NaN means "different every time".
        needs: check_lazy_status: called with what is there, ``UNEVALUATED`` for the rest; the names
            of the inputs it wants next.
        own_inputs: containers among its inputs are copies of its own, which it may change; other
            nodes get shared ones that refuse to be written.
        check: VALIDATE_INPUTS: called with constants, ``None`` for what is linked, and the types of
            what is linked; what is wrong, as (input name, message).
        refreshed: for a class that may have something else to say of itself by now (lists of
            files): its spec as of now. Raises what the class raises.
    """

    spec: NodeSpec
    call: Callable[[Inputs, Run], Returned | Awaitable[Returned]]
    fingerprint: Callable[[Inputs, Run], Any] | None = None
    needs: Callable[[Inputs, Run], Iterable[str] | Awaitable[Iterable[str]]] | None = None
    check: (
        Callable[
            [Inputs, Mapping[str, str]],
            Iterable[tuple[str, str]] | Awaitable[Iterable[tuple[str, str]]],
        ]
        | None
    ) = None
    refreshed: Callable[[], NodeSpec] | None = None
    own_inputs: bool = False

"""The class that V3 methods get as ``cls``: it cannot be changed, and knows its hidden values."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from engine.compat.v3.schema import ComfyNode, HiddenHolder

_NOTHING = HiddenHolder({})
_HIDDEN: ContextVar[HiddenHolder] = ContextVar("patchbay_hidden", default=_NOTHING)


def locked(cls: type[ComfyNode]) -> type[ComfyNode]:
    """A subclass of ``cls`` on which no attribute can be set; one will do for all calls."""

    def refuse(_clone: type, name: str, value: object) -> None:
        raise AttributeError(
            f"{cls.__name__}.{name} cannot be set to a {type(value).__name__} while it runs: V3 "
            "nodes keep no state on their class."
        )

    meta = type(
        f"Locked{type(cls).__name__}",
        (type(cls),),
        # Before the attribute of the class: a property of the metaclass comes first.
        {"hidden": property(lambda _: _HIDDEN.get()), "__setattr__": refuse},
    )
    clone: type[ComfyNode] = meta(cls.__name__, (cls,), {"__module__": cls.__module__})
    return clone


@contextmanager
def hidden_as(values: dict[str, Any]) -> Iterator[None]:
    """What ``cls.hidden`` says in here."""
    token = _HIDDEN.set(HiddenHolder(values))
    try:
        yield
    finally:
        _HIDDEN.reset(token)

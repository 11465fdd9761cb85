"""Which call of which node is running here: known to the code of packs by context variables."""

import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from engine.graph.run import Run


@dataclass(frozen=True, slots=True)
class Call:
    """``graphs`` counts the graphs that this call has built."""

    run: Run
    graphs: Iterator[int] = field(default_factory=itertools.count)


_CURRENT: ContextVar[Call | None] = ContextVar("patchbay_call", default=None)


def current() -> Call | None:
    """The call that this code runs in, if it runs in one."""
    return _CURRENT.get()


@contextmanager
def executing(run: Run) -> Iterator[None]:
    token = _CURRENT.set(Call(run))
    try:
        yield
    finally:
        _CURRENT.reset(token)


def call_within(run: Run, function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """``function(**arguments)`` as the call that ``run`` is; awaitable if it is a coroutine."""
    if inspect.iscoroutinefunction(function):

        async def later() -> Any:
            with executing(run):
                return await function(**arguments)

        return later()
    with executing(run):
        return function(**arguments)

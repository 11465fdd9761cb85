"""Results that may come later: the functions of a node may be coroutine functions or not."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")


def then(result: Any, finish: Callable[[Any], T]) -> T | Awaitable[T]:
    """``finish(result)``; later, if the result comes later."""
    if not inspect.isawaitable(result):
        return finish(result)

    async def later() -> T:
        return finish(await result)

    return later()

"""Nodes that raise what ends a program: they fail, and the engine stays."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from engine.graph.definition import NodeError

T = TypeVar("T")


def staying(call: Callable[[], T]) -> T:
    """``call()``. Raises NodeError instead of SystemExit and KeyboardInterrupt."""
    try:
        return call()
    except (SystemExit, KeyboardInterrupt) as error:
        raise _no_end(error) from error


async def stay(awaitable: Awaitable[T]) -> T:
    """The same for what is awaited. Every task on the loop needs it around what a node gives:
    asyncio would let such an exception end the loop, and all that waits on it.
    """
    try:
        return await awaitable
    except (SystemExit, KeyboardInterrupt) as error:
        raise _no_end(error) from error


def _no_end(error: BaseException) -> NodeError:
    said = f" ({error})" if str(error) else ""
    return NodeError(
        f"The node raised {type(error).__name__}{said}, which is how a program ends. It may end "
        "itself, but not the engine."
    )

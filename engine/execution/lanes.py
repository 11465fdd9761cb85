"""Where node functions run: one device lane, some CPU lanes, and an event loop.

The device lane is one thread, so that two nodes never fight for the device and its memory.
"""

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

from engine.execution.staying import stay, staying
from engine.graph.spec import Lane


class Lanes:
    """The threads of a worker. Started once, closed with the worker."""

    def __init__(self, cpu_lanes: int) -> None:
        self._device = ThreadPoolExecutor(1, thread_name_prefix="device")
        self._cpu = ThreadPoolExecutor(cpu_lanes, thread_name_prefix="cpu")
        self._loop = asyncio.new_event_loop()
        self._loop_thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._loop_thread.start()

    def submit(self, lane: Lane, call: Callable[[], Any]) -> "Future[Any]":
        """Run ``call`` on a lane; on the loop it is called there and its awaitable awaited."""
        if lane == "loop":
            return asyncio.run_coroutine_threadsafe(_awaited(call), self._loop)
        return (self._device if lane == "device" else self._cpu).submit(staying, call)

    def wait(self, awaitable: Any) -> Any:
        """Await something on the loop and block this thread, which must not be the loop's."""
        if not inspect.isawaitable(awaitable):
            return awaitable
        return asyncio.run_coroutine_threadsafe(stay(awaitable), self._loop).result()

    def close(self) -> None:
        self._device.shutdown(wait=False, cancel_futures=True)
        self._cpu.shutdown(wait=False, cancel_futures=True)
        self._loop.call_soon_threadsafe(self._loop.stop)

    def __enter__(self) -> "Lanes":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


async def _awaited(call: Callable[[], Awaitable[Any]]) -> Any:
    return await stay(call())

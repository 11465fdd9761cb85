"""The cache of a worker: memory first, then disk, as the flags ask for."""

from collections.abc import Collection
from pathlib import Path

import psutil

from engine.execution.cache import Cache, Entry
from engine.execution.disk import DiskCache
from engine.execution.memory import MemoryCache
from engine.execution.modes import CacheMode
from engine.graph.keys import Key


class TieredCache:
    """Memory over disk. What is found on disk is in memory from then on."""

    def __init__(self, memory: MemoryCache, disk: DiskCache) -> None:
        self._memory = memory
        self._disk = disk

    @property
    def bytes(self) -> int:
        return self._memory.bytes

    def __contains__(self, key: object) -> bool:
        return key in self._memory or key in self._disk

    def peek(self, key: Key) -> Entry | None:
        return self._memory.peek(key)

    def get(self, key: Key) -> Entry | None:
        entry = self._memory.get(key)
        if entry is None:
            entry = self._disk.get(key)
            if entry is not None:
                self._memory.put(key, entry)
        return entry

    def put(self, key: Key, entry: Entry) -> None:
        self._memory.put(key, entry)
        self._disk.offer(key, entry)

    def drop(self, key: Key) -> None:
        self._memory.drop(key)
        self._disk.drop(key)

    def clear(self) -> None:
        """Give the memory back. What is on disk stays: it is still right, and takes no memory."""
        self._memory.clear()

    def begin(self, prompt_id: str, keys: Collection[Key]) -> None:
        self._memory.begin(prompt_id, keys)

    def end(self, prompt_id: str) -> None:
        self._memory.end(prompt_id)

    def close(self) -> None:
        """Finish writing."""
        self._disk.close()


def make_cache(mode: CacheMode, budget: int, folder: Path, salt: str) -> Cache:
    """The cache that ``mode`` describes.

    Args:
        budget: bytes of memory, in all modes but ``none`` and ``ram``, which have limits of their
            own.
        folder: where the disk tier is, unless the mode names a folder.
        salt: what a result on disk depends on besides its key (``DiskCache``).
    """
    memory = _memory(mode, budget)
    if not mode.disk_bytes:
        return memory
    return TieredCache(memory, DiskCache(mode.folder or folder, mode.disk_bytes, salt))


def _memory(mode: CacheMode, budget: int) -> MemoryCache:
    match mode.kind:
        case "none":
            return MemoryCache(0)
        case "ram":
            headroom = mode.headroom(psutil.virtual_memory().total)
            return MemoryCache(
                float("inf"), missing=lambda: headroom - psutil.virtual_memory().available
            )
        case "classic" | "lru":
            return MemoryCache(budget, prompts=mode.prompts)
        case "budget":
            return MemoryCache(budget)

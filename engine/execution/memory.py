"""The memory tier: what is worth most per byte stays, within the limits it is given.

Which entry leaves first is decided by GreedyDual-Size-Frequency: each entry has the priority
``clock + uses x cost / size``, the lowest leaves, and the clock moves up to its priority. So what
is dear to compute and small stays long, and what nobody asks for any more ages as the clock goes
on. With equal worth it is least recently used. Source: L. Cherkasova, "Improving WWW Proxies
Performance with Greedy-Dual-Size-Frequency Caching Policy", HPL-98-69R1, 1998; P. Cao, S. Irani,
"Cost-Aware WWW Proxy Caching Algorithms", 1997. Cost is the node's own seconds: what feeds it is
usually kept, too, and asking for the whole chain would cost a walk of the graph at every put.
"""

import heapq
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import count
from threading import Lock

from engine.execution.cache import Entry
from engine.execution.sizes import nbytes
from engine.graph.keys import Key

# Running a node again costs this many seconds even if its function costs nothing.
_OVERHEAD = 1e-3
# Asking the machine for its free memory takes longer than keeping a small value: ask per this much.
_ASK_EVERY = 1 << 20


@dataclass(slots=True)
class _Kept:
    entry: Entry
    size: int
    prompt: int
    uses: int = 0
    priority: float = 0.0
    order: int = 0
    queued: int = 0


class MemoryCache:
    """Results in memory. Any thread may call it.

    Args:
        budget: bytes that all entries together may hold; what is larger alone is not kept.
        prompts: entries that none of this many last prompts needed leave when a prompt ends.
        missing: how many bytes of memory the machine lacks just now (0 or less: none); entries
            that hold as much leave. Asked while entries are put, and when a prompt ends.
    """

    def __init__(
        self,
        budget: float,
        *,
        prompts: int | None = None,
        missing: Callable[[], int] | None = None,
    ) -> None:
        self.budget = budget
        self._prompts = prompts
        self._missing = missing
        self._lock = Lock()
        self._kept: dict[Key, _Kept] = {}
        # (priority, order, key) of each entry as it was when queued. A use only ever raises an
        # entry's priority, so what stands here is a lower bound and is corrected when it comes up.
        self._heap: list[tuple[float, int, Key]] = []
        self._order = count(1)
        self._bytes = 0
        self._clock = 0.0
        self._unasked = 0
        self._begun = 0
        self._running: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def bytes(self) -> int:
        return self._bytes

    def __contains__(self, key: object) -> bool:
        return key in self._kept

    def peek(self, key: Key) -> Entry | None:
        kept = self._kept.get(key)
        return None if kept is None else kept.entry

    def get(self, key: Key) -> Entry | None:
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                return None
            self._use(kept)
            return kept.entry

    def put(self, key: Key, entry: Entry) -> None:
        """Keep ``entry`` if it fits; what is worth least leaves when a limit is passed."""
        size = nbytes((entry.values, entry.ui))
        with self._lock:
            self._drop(key)
            if size > self.budget:
                return
            kept = self._kept[key] = _Kept(entry, size, self._begun)
            self._bytes += size
            self._use(kept)
            self._queue(key, kept)
            self._shrink(self.budget)
            self._unasked += size
            if self._unasked >= _ASK_EVERY:
                self._relieve()

    def drop(self, key: Key) -> None:
        with self._lock:
            self._drop(key)

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
            self._heap.clear()
            self._bytes = 0

    def begin(self, prompt_id: str, keys: Collection[Key]) -> None:
        with self._lock:
            if prompt_id not in self._running:
                self._begun += 1
                self._running[prompt_id] = self._begun
            if self._prompts is None:
                return
            for key in keys:
                kept = self._kept.get(key)
                if kept is not None:
                    kept.prompt = self._begun

    def end(self, prompt_id: str) -> None:
        with self._lock:
            self._running.pop(prompt_id, None)
            self._relieve()
            if self._prompts is None:
                return
            # A prompt that still runs keeps what it needs, however many began after it.
            oldest = min([self._begun - self._prompts + 1, *self._running.values()])
            for key in [key for key, kept in self._kept.items() if kept.prompt < oldest]:
                self._drop(key)

    def close(self) -> None:
        """Nothing runs behind it."""

    def _use(self, kept: _Kept) -> None:
        cost = max(kept.entry.seconds, _OVERHEAD)
        kept.uses += 1
        kept.prompt = self._begun
        kept.order = next(self._order)
        kept.priority = self._clock + kept.uses * cost / kept.size

    def _queue(self, key: Key, kept: _Kept) -> None:
        kept.queued = kept.order
        heapq.heappush(self._heap, (kept.priority, kept.order, key))

    def _drop(self, key: Key) -> None:
        kept = self._kept.pop(key, None)
        if kept is None:
            return
        self._bytes -= kept.size
        if len(self._heap) > 2 * len(self._kept) + 64:  # most of it is what left long ago
            self._heap.clear()
            for other, waiting in self._kept.items():
                self._queue(other, waiting)

    def _shrink(self, target: float) -> None:
        while self._bytes > target and self._kept:
            priority, order, key = heapq.heappop(self._heap)
            kept = self._kept.get(key)
            if kept is None or kept.queued != order:
                continue
            if kept.order != order:
                self._queue(key, kept)
                continue
            self._clock = priority
            self._drop(key)

    def _relieve(self) -> None:
        self._unasked = 0
        if self._missing is not None:
            self._shrink(min(self.budget, self._bytes - self._missing()))

"""A cache for jobs that must leave no trace: it reads another one and keeps its own results."""

from collections.abc import Collection

from engine.execution.cache import Cache, Entry
from engine.graph.keys import Key


class TrialCache:
    """What ``behind`` has, and what was put here; ``behind`` gets nothing and loses nothing."""

    def __init__(self, behind: Cache) -> None:
        self._behind = behind
        self._own: dict[Key, Entry] = {}

    @property
    def bytes(self) -> int:
        return self._behind.bytes

    def __contains__(self, key: object) -> bool:
        return key in self._own or key in self._behind

    def get(self, key: Key) -> Entry | None:
        return self._own.get(key) or self._behind.get(key)

    def peek(self, key: Key) -> Entry | None:
        return self._own.get(key) or self._behind.peek(key)

    def put(self, key: Key, entry: Entry) -> None:
        self._own[key] = entry

    def drop(self, key: Key) -> None:
        self._own.pop(key, None)

    def clear(self) -> None:
        self._own.clear()

    def begin(self, prompt_id: str, keys: Collection[Key]) -> None:
        """A trial is no prompt: which prompts were the last ones stays as it is."""

    def end(self, prompt_id: str) -> None:
        """See ``begin``."""

    def close(self) -> None:
        """Nothing runs behind it."""

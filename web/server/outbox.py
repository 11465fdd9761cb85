"""What waits to be sent to one websocket client. Pure data, no sockets.

A client that keeps up gets every message. For one that does not, superseded previews and progress
are dropped, and what must not be lost is kept up to a limit, beyond which the client is given up.
"""

import json
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.queue.jsontext import dumps

# Beyond this many waiting messages the client counts as slow.
_SLOW = 64
_ONE_GO = 32 * 1024
_MAX_MESSAGES = 50_000
_MAX_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class _Waiting:
    payload: str | bytes | Mapping[str, Any]
    size: int = 0
    replaces: Hashable = None
    n: int = 0


class Outbox:
    """The messages for one client, first in, first out."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[int, _Waiting] = OrderedDict()
        self._latest: dict[Hashable, int] = {}
        self._first = self._next = 0
        self._bytes = 0

    @property
    def overflowing(self) -> bool:
        """Whether so much waits that the client will never catch up."""
        return self._bytes > _MAX_BYTES or len(self._waiting) > _MAX_MESSAGES

    def put(self, text: str, n: int = 0) -> None:
        """A message that must arrive; ``n`` is its number if it has one."""
        self._append(_Waiting(text, len(text), n=n))

    def put_latest(self, key: Hashable, payload: str | bytes) -> None:
        """A message that makes an earlier one of the same key worthless."""
        if len(self._waiting) >= _SLOW:
            self._take(key)
        self._append(_Waiting(payload, len(payload), key))

    def put_progress(self, text: str) -> None:
        """A ``progress_state``: what changed since the last one, so that two can become one."""
        if len(self._waiting) < _SLOW:
            self._append(_Waiting(text, len(text)))
            return
        message = json.loads(text)
        data = message["data"]
        key = ("progress_state", data["prompt_id"])
        earlier = self._take(key)
        if earlier is not None and isinstance(earlier.payload, Mapping):
            data["nodes"] = {**earlier.payload["data"]["nodes"], **data["nodes"]}
        self._append(_Waiting(message, len(text), key))

    def put_first(self, texts: Sequence[str]) -> None:
        """Messages that must arrive, before everything that waits already."""
        for text in reversed(texts):
            self._first -= 1
            self._waiting[self._first] = _Waiting(text, len(text))
            self._waiting.move_to_end(self._first, last=False)
            self._bytes += len(text)

    def drop_through(self, n: int) -> None:
        """Forget numbered messages up to ``n``: they were sent in another way."""
        for place in [p for p, w in self._waiting.items() if 0 < w.n <= n]:
            self._remove(place)

    def pop(self) -> str | bytes | None:
        """The next message as it goes over the wire, or None when nothing waits."""
        if not self._waiting:
            return None
        waiting = self._remove(next(iter(self._waiting)))
        payload = waiting.payload
        return payload if isinstance(payload, (str, bytes)) else dumps(payload)

    def pop_some(self) -> list[str | bytes]:
        """The next messages, few enough to be sent in one go; none when nothing waits."""
        found: list[str | bytes] = []
        size = 0
        while size < _ONE_GO and (message := self.pop()) is not None:
            found.append(message)
            size += len(message)
        return found

    def _append(self, waiting: _Waiting) -> None:
        self._waiting[self._next] = waiting
        if waiting.replaces is not None:
            self._latest[waiting.replaces] = self._next
        self._next += 1
        self._bytes += waiting.size

    def _take(self, key: Hashable) -> _Waiting | None:
        place = self._latest.get(key)
        return None if place is None else self._remove(place)

    def _remove(self, place: int) -> _Waiting:
        waiting = self._waiting.pop(place)
        self._bytes -= waiting.size
        if self._latest.get(waiting.replaces) == place:
            del self._latest[waiting.replaces]
        return waiting

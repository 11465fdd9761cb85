"""What becomes of an attempt: clients hear of it, and the store keeps it.

That a job went well, and that it is over, is told when that is on the disk and not before.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from engine.queue import endings
from engine.queue.job import Ended
from engine.queue.jsontext import dumps
from engine.queue.results import Result
from engine.queue.running import Lost, Running
from engine.queue.schema import StoreError
from engine.queue.store import Store
from engine.queue.told import Told

T = TypeVar("T")
_log = logging.getLogger(__name__)
_DISK_PATIENCE = 2.0
_SUCCESS = "execution_success"
# Too frequent to be stored: who missed them gets the state instead.
_TRANSIENT = frozenset(("progress", "progress_state", "preview"))


class Listener(Protocol):
    """Who wants to hear what happens."""

    def event(self, client_id: str | None, type_: str, text: str, n: int) -> None:
        """An event of a job of that client, its data as JSON text; ``n`` is 0 for events that are
        not stored."""

    def preview(self, client_id: str | None, data: Mapping[str, Any], image: bytes) -> None:
        """A picture of work in progress."""

    def queue_changed(self, remaining: int) -> None:
        """So many jobs are pending or running now."""


class Reporter:
    """Between the attempts, the store and the listener."""

    def __init__(self, store: Store, listener: Listener) -> None:
        self._store = store
        self._listener = listener
        self._closing = False

    def close(self) -> None:
        """Insist no longer: the server ends."""
        self._closing = True

    async def insist(self, write: Callable[[], Awaitable[T]]) -> T:
        """Write, again and again if need be: with a full disk the queue waits, nothing is lost.

        Raises:
            StoreError: it cannot be written, and the server ends.
        """
        while True:
            try:
                return await write()
            except StoreError as error:
                if self._closing:
                    raise
                _log.error("%s The queue waits until it can be.", error)
                await asyncio.sleep(_DISK_PATIENCE)

    def tell(self, running: Running, event: Told) -> None:
        """An event of an attempt."""
        if running.behind:
            running.held.append(event)
        else:
            self._tell(running, event, self._number(running, event))

    def _number(self, running: Running, event: Told) -> int:
        """Store an event, if its kind is; its number, or 0."""
        if event.type in _TRANSIENT:
            return 0
        return self._store.record(running.claim, event.type, event.text)

    def _tell(self, running: Running, event: Told, n: int) -> None:
        running.watch(event)
        client_id = running.claim.client_id
        if event.type == "preview":
            self._listener.preview(client_id, event.data, event.image)
        elif event.type == _SUCCESS:
            running.success = event.text, n
        else:
            self._listener.event(client_id, event.type, event.text, n)

    def settled(self, ended: Running, others: Iterable[Running]) -> None:
        """All is told of an attempt that has ended; now to what was held back behind it."""
        for running in others:
            if ended in running.behind:
                running.behind.discard(ended)
                if running.behind:
                    continue
                held, running.held = running.held, []
                numbers, running.numbers = running.numbers, []
                numbers += [self._number(running, event) for event in held[len(numbers) :]]
                for event, n in zip(held, numbers, strict=True):
                    self._tell(running, event, n)

    async def finish(self, running: Running, result: Result) -> None:
        """Put a result into the history, then tell the last messages, which clients wait for."""
        # What is told later was before the end all the same, and after the end of those before it,
        # whose number is given by now.
        held = running.held[len(running.numbers) :]
        running.numbers += [self._number(running, event) for event in held]
        ended = await self.insist(lambda: self._store.finish(running.claim, result))
        if ended is not None:
            if running.success is not None:
                self._listener.event(ended.client_id, _SUCCESS, *running.success)
            self._tell_end(ended)
        else:
            _log.warning("A late result of prompt %s was dropped.", running.claim.id)

    async def interrupt(self, running: Running, lost: Lost) -> None:
        """The attempt was cancelled and ended only with its worker."""
        result = endings.interrupted(running.claim.id, running.node(lost.node_id))
        type_, data = json.loads(result.messages)[0]
        self.tell(running, Told(type_, dumps(data)))
        await self.finish(running, result)

    async def crash(self, running: Running, lost: Lost) -> None:
        """The attempt ended with its worker: its job is tried again, or it was the last time."""
        why = lost.why
        failure = endings.worker_died(running.claim.id, why, running.node(lost.node_id))
        ended = await self.insist(lambda: self._store.crash(running.claim, why, failure))
        if ended is not None:
            self._tell_end(ended)
        else:
            _log.warning("Prompt %s is tried again. %s", running.claim.id, why)
            self.queue_changed()

    def queue_changed(self) -> None:
        self._listener.queue_changed(self._store.remaining)

    def _tell_end(self, ended: Ended) -> None:
        self.queue_changed()
        for event in ended.events:
            self._listener.event(ended.client_id, event.type, event.data, event.n)

"""A real store and a real dispatcher with tiny workers, for tests of the queue."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from engine.queue.body import Body
from engine.queue.catalogue_file import CatalogueFile
from engine.queue.dispatcher import Dispatcher
from engine.queue.job import Submission
from engine.queue.statements import now_ms
from engine.queue.station import Patience
from engine.queue.store import Store

COMMAND = [sys.executable, str(Path(__file__).with_name("tiny_worker.py"))]


class Ear:
    """Remembers what clients would hear."""

    def __init__(self) -> None:
        self.events: list[tuple[str | None, str, Mapping[str, Any], int]] = []
        self.previews: list[bytes] = []
        self.lengths: list[int] = []

    def event(self, client_id: str | None, type_: str, text: str, n: int) -> None:
        self.events.append((client_id, type_, json.loads(text), n))

    def preview(self, client_id: str | None, data: Mapping[str, Any], image: bytes) -> None:
        self.previews.append(image)

    def queue_changed(self, remaining: int) -> None:
        self.lengths.append(remaining)

    def types(self) -> list[str]:
        return [type_ for _, type_, _, _ in self.events]

    def of(self, job_id: str) -> list[str]:
        """The types of the events of one job; the last ``executing`` is ``end``."""
        mine = [(t, data) for _, t, data, _ in self.events if data.get("prompt_id") == job_id]
        return ["end" if t == "executing" and data["node"] is None else t for t, data in mine]

    def started(self) -> list[str]:
        return [data["prompt_id"] for _, t, data, _ in self.events if t == "execution_start"]


class House:
    """A store, a dispatcher and an ear."""

    def __init__(
        self, folder: Path, *flags: str, devices: Sequence[str] = ("tiny",), **patience: Any
    ) -> None:
        self.store = Store(folder / "queue.sqlite")
        self.ear = Ear()
        self.file = CatalogueFile(folder / "catalogue.json", "f")
        self.dispatcher = Dispatcher(
            self.store,
            lambda device: [*COMMAND, *flags, "--device", device],
            self.ear,
            lambda: self.file,
            devices,
            Patience(**patience),
        )

    async def submit(
        self, job_id: str, do: str, client_id: str | None = "me", model: str | None = None
    ) -> None:
        inputs = {"do": do} if model is None else {"do": do, "model": model}
        prompt = {"1": {"class_type": "Do", "inputs": inputs}}
        await self.store.accept(
            Submission(job_id, Body.of(prompt), ("1",), {}, client_id), now_ms()
        )
        self.dispatcher.wake()

    async def entry(self, job_id: str) -> Any:
        """The history entry of a job, waited for."""

        async def found() -> Any:
            return json.loads(await self.store.history_entry(job_id)).get(job_id)

        return await until(found)

    async def attempts(self, job_id: str) -> list[int]:
        """When each attempt at a job began, in milliseconds."""
        job = json.loads(await self.store.job(job_id) or "{}")
        return [attempt["start_time"] for attempt in job["attempts"]]

    async def completed(self, *job_ids: str) -> bool:
        return all([(await self.entry(job_id))["status"]["completed"] for job_id in job_ids])

    async def all_up(self, workers: int) -> None:
        await until(lambda: len(self.dispatcher.device.get("devices", ())) == workers)


async def until(condition: Callable[[], Any], patience: float = 120) -> Any:
    async with asyncio.timeout(patience):
        while True:
            value = condition()
            value = await value if asyncio.iscoroutine(value) else value
            if value:
                return value
            await asyncio.sleep(0.01)


@asynccontextmanager
async def opened(folder: Path, *flags: str, **options: Any) -> AsyncIterator[House]:
    house = House(folder, *flags, **options)
    await house.dispatcher.start()
    try:
        yield house
    finally:
        await house.dispatcher.stop()
        house.store.close()

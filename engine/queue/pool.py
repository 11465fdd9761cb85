"""The workers as one: which there are, what they know, and what is asked of whichever is best.

What they run is the dispatcher's business.
"""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.graph.catalogue import Catalogue
from engine.graph.spec import NodeSpec
from engine.queue.catalogue_file import CatalogueFile
from engine.queue.questions import QuestionFailed
from engine.queue.running import Running
from engine.queue.station import Patience, Station
from engine.queue.told import Told


class WorkerTrouble(RuntimeError):
    """There is no worker, and there will be none soon. The text says why, for clients."""


class Pool(ABC):
    """A station for each device, and what the server may know of all of them.

    Args:
        command_for: the command that starts a worker for a device, by the device's name.
        catalogue_file: asked for before each start of a worker, and written by what it says.
        devices: one worker each. Without any, the first worker takes what it finds and says which
            others there are.
    """

    def __init__(
        self,
        command_for: Callable[[str], Sequence[str]],
        catalogue_file: Callable[[], CatalogueFile],
        devices: Sequence[str],
        patience: Patience,
    ) -> None:
        self._command_for = command_for
        self._catalogue_file = catalogue_file
        self._devices = devices
        self._patience = patience
        self._known = asyncio.Event()  # a catalogue, or trouble
        self._catalogue: Catalogue | None = None
        self._stations: list[Station] = []

    @property
    def stations(self) -> Sequence[Station]:
        """The workers' places, to be looked at."""
        return tuple(self._stations)

    @property
    def worker_pids(self) -> list[int]:
        """The process ids of the workers that are up or starting."""
        return [station.pid for station in self._stations if station.pid is not None]

    @property
    def device(self) -> Mapping[str, Any]:
        """The workers' versions and devices, as ``/system_stats`` shows them."""
        facts = [station.device for station in self._stations if station.device]
        if not facts:
            return {}
        devices = {one["name"]: one for fact in facts for one in fact["devices"]}
        return {"pytorch_version": facts[0]["pytorch_version"], "devices": list(devices.values())}

    @property
    def trouble(self) -> str | None:
        """Why there is no worker, as a sentence, while the starts of all of them fail."""
        troubles = [station.trouble for station in self._stations]
        return troubles[0] if None not in troubles and troubles else None

    async def catalogue(self, patience: float = 120.0) -> Catalogue:
        """The node classes that can be run; waits for a worker when nothing is known yet.

        Raises:
            WorkerTrouble: no worker starts, or not within ``patience`` seconds.
        """
        if self._catalogue is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._known.wait(), patience)
        if self._catalogue is None:
            waiting = "The worker process is still starting. Try again in a minute."
            raise WorkerTrouble(self.trouble or waiting)
        return self._catalogue

    async def refreshed(self, patience: float = 10.0) -> Catalogue:
        """The node classes as they describe themselves now; as they did before, when no worker is
        up that could say.

        Raises:
            WorkerTrouble: nothing is known.
        """
        known = await self.catalogue()
        if not known.changing or not any(station.is_up for station in self._stations):
            return known
        try:
            said = await self.ask("catalogue", {}, patience)
        except (WorkerTrouble, QuestionFailed):
            return known
        self._catalogue = (self._catalogue or known).refreshed(map(NodeSpec.from_json, said))
        return self._catalogue

    async def ready(self) -> None:
        """Wait until a worker is up.

        Raises:
            WorkerTrouble: none starts.
        """
        while not any(station.is_up for station in self._stations):
            if self.trouble is not None:
                raise WorkerTrouble(self.trouble)
            await asyncio.sleep(0.05)

    async def ask(self, what: str, payload: Mapping[str, Any], timeout: float = 60.0) -> Any:
        """What a worker answers, beside whatever it runs.

        Raises:
            WorkerTrouble: no worker is there to ask, or it does not answer in ``timeout`` seconds.
            QuestionFailed: it could not answer, or ended meanwhile.
        """
        try:
            async with asyncio.timeout(timeout):
                await self.ready()
                station = min(
                    (station for station in self._stations if station.is_up),
                    key=lambda station: len(station.running),
                )
                return await station.ask(what, payload)
        except TimeoutError:
            raise WorkerTrouble(
                f"The worker process did not answer within {timeout:g} seconds."
            ) from None

    async def interrupt(self, prompt_id: str | None = None) -> bool:
        """Cancel a running job by its id, or what each worker began last; whether there was one."""
        found = False
        for station in self._stations:
            wanted = [one for one in station.running if prompt_id in (None, one.claim.id)]
            for running in wanted[-1:]:
                station.cancel(running)
                found = True
        return found

    async def free(self, *, unload_models: bool, free_memory: bool) -> None:
        """Have the workers give memory back after the jobs that run now."""
        for station in self._stations:
            station.free(unload_models=unload_models, free_memory=free_memory)

    # What the stations tell (``Host``).

    async def before_start(self) -> CatalogueFile:
        keep = await asyncio.to_thread(self._catalogue_file)
        if self._catalogue is None:
            self._learn(keep.read())
        return keep

    async def up(self, station: Station, catalogue: Catalogue, keep: CatalogueFile) -> None:
        self._learn(catalogue)
        if not self._devices:
            self._open_stations_beside(station)
        self.has_room()
        await asyncio.to_thread(keep.write, catalogue)

    @abstractmethod
    def has_room(self) -> None: ...

    @abstractmethod
    def heard(self, running: Running, event: Told) -> None: ...

    def troubled(self) -> None:
        if self.trouble is not None:
            self._known.set()

    def _open_stations(self) -> None:
        for device in self._devices or ("auto",):
            self._open_station(device)

    async def _close_stations(self) -> None:
        await asyncio.gather(*(station.close() for station in self._stations))

    def _learn(self, catalogue: Catalogue | None) -> None:
        if catalogue is not None:
            self._catalogue = catalogue
            self._known.set()

    def _open_station(self, device: str) -> None:
        station = Station(
            f"{device}-{len(self._stations) + 1}",
            self._command_for(device),
            self,
            self._patience,
        )
        self._stations.append(station)

    def _open_stations_beside(self, first: Station) -> None:
        """The first worker took the first device it saw; the others get workers of their own."""
        if len(self._stations) == 1:
            for device in first.device.get("visible", ())[1:]:
                self._open_station(device)

"""The engine of a worker: what jobs share, and running them."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from typing import Any

from engine.execution.asked import Asked
from engine.execution.brief import Brief
from engine.execution.cache import Cache
from engine.execution.calls import Watch
from engine.execution.checkpoints import Checkpoints
from engine.execution.explain import Memory
from engine.execution.flights import Flights
from engine.execution.job import Cancel, Emit, Job, Outcome
from engine.execution.job_run import JobRun
from engine.execution.lanes import Lanes
from engine.execution.ledger import NO_METER, Meter
from engine.execution.node_run import Instances, Surroundings, WritePrompt
from engine.execution.trial import TrialCache
from engine.files.confine import PathRefused
from engine.files.folders import FileMissing, Folders
from engine.files.stamps import Stamps
from engine.graph.registry import Registry

Around = Callable[[], AbstractContextManager[object]]


class Executor:
    """Runs jobs and keeps their results in its cache. Several threads may run a job each.

    Args:
        services: what nodes may ask for by type (``Run.service``).
        checkpoints: where long nodes keep states to go on from.
        around: a context in which every node function is called (torch's inference mode).
        previews: whether jobs that do not say otherwise want previews.
        watch: looks after each call whether the node changed its inputs, and names them.
        meter: measures what nodes on the device lane need of memory.
    """

    def __init__(
        self,
        registry: Registry,
        folders: Folders,
        services: Mapping[type[Any], Any],
        cache: Cache,
        write_prompt: WritePrompt,
        checkpoints: Checkpoints,
        stamps: Stamps,
        *,
        cpu_lanes: int = 2,
        around: Around = nullcontext,
        previews: bool = False,
        watch: Watch | None = None,
        meter: Meter = NO_METER,
    ) -> None:
        self.registry = registry
        self.cache = cache
        self.stamps = stamps
        self.around = around
        self.previews = previews
        self.watch = watch
        self.meter = meter
        self.surroundings = Surroundings(folders, services, write_prompt, Instances(), checkpoints)
        self.lanes = Lanes(cpu_lanes)
        self.flights = Flights()
        self.memory = Memory()
        self.asked = Asked()
        self.brief = Brief()

    @property
    def folders(self) -> Folders:
        return self.surroundings.folders

    def run(self, job: Job, emit: Emit, cancel: Cancel) -> Outcome:
        """Run ``job`` to its end, telling ``emit`` about it. Blocks; never raises for a node."""
        return JobRun(self, job, emit, cancel).run()

    def on_trial(self) -> "Executor":
        """This engine for jobs that leave no trace: neither a result nor what was asked for."""
        trial = copy(self)
        trial.cache = TrialCache(self.cache)
        trial.flights = Flights()
        trial.memory = Memory()
        return trial

    def stamp(self, kind: str, name: str) -> str:
        """One state of a file that a node reads; ``?`` for one that is not there."""
        try:
            return "@" + self.stamps.of(self.folders.find(kind, name))
        except (PathRefused, FileMissing, OSError):
            return "?"  # running the node says what is wrong with the file

    def forget(self) -> None:
        """Drop all results and what nodes kept for themselves."""
        self.cache.clear()
        self.surroundings.instances.clear()

    def close(self) -> None:
        self.lanes.close()
        self.cache.close()
        self.stamps.save()
        self.surroundings.checkpoints.close()

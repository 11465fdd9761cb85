"""What each node of a job cost: seconds, bytes of results, peak memory; and why it ran."""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from engine.graph.spec import Lane


class Meter(Protocol):
    """Measures the memory of this process or its device. One measurement at a time."""

    def begin(self) -> None: ...

    def peak(self) -> int | None:
        """The most bytes in use at once since ``begin``; None when that is not known."""


class _NoMeter:
    def begin(self) -> None:
        """Nothing is measured."""

    def peak(self) -> int | None:
        return None


NO_METER: Meter = _NoMeter()


@dataclass(slots=True)
class Ledger:
    """The accounts of one job, by node id; kept by its ``JobRun``."""

    meter: Meter
    began: float = field(default_factory=time.perf_counter)
    _ran: dict[str, dict[str, Any]] = field(default_factory=dict)
    _peaks: dict[str, int] = field(default_factory=dict)
    _cached: list[str] = field(default_factory=list)

    def cached(self, node_ids: Iterable[str]) -> None:
        self._cached += node_ids

    @contextmanager
    def measuring(self, node_id: str, lane: Lane) -> Iterator[None]:
        """Measure the peak of a node. Only the device lane runs one node at a time."""
        if lane != "device":
            yield
            return
        self.meter.begin()
        try:
            yield
        finally:
            peak = self.meter.peak()
            if peak is not None:
                self._peaks[node_id] = peak

    def ran(
        self,
        node_id: str,
        class_type: str,
        seconds: float,
        size: int,
        why: Mapping[str, Any],
    ) -> None:
        """A node has just ended after ``seconds``; its results have ``size`` bytes."""
        ended = time.perf_counter() - self.began
        record = {
            "class_type": class_type,
            "start": round(max(ended - seconds, 0.0), 4),
            "seconds": round(seconds, 4),
            "bytes": size,
            **why,
        }
        if node_id in self._peaks:
            record["peak_bytes"] = self._peaks[node_id]
        self._ran[node_id] = record

    def to_json(self, having: Collection[str] = ()) -> dict[str, Any]:
        """``{"seconds", "nodes": {id: {class_type, start, seconds, bytes, why, ...}}, "cached",
        "shared"}``; times are seconds from the start of the job.

        Of the nodes ``having`` a result, those that neither ran nor were cached are ``shared``: an
        equal node ran, in this job or in another.
        """
        total = round(time.perf_counter() - self.began, 4)
        known = {*self._ran, *self._cached}
        shared = [node_id for node_id in having if node_id not in known]
        return {"seconds": total, "nodes": self._ran, "cached": self._cached, "shared": shared}

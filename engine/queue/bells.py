"""Who waits for news of a job. Only the event loop's thread comes here."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Bells:
    """For each job that somebody follows, the events to set when there is news of it."""

    def __init__(self) -> None:
        self._bells: dict[str, set[asyncio.Event]] = {}

    def ring(self, *job_ids: str) -> None:
        for job_id in job_ids:
            for bell in self._bells.get(job_id, ()):
                bell.set()

    @contextmanager
    def listening(self, job_id: str) -> Iterator[asyncio.Event]:
        """An event that is set at each news of the job from now on."""
        bell = asyncio.Event()
        self._bells.setdefault(job_id, set()).add(bell)
        try:
            yield bell
        finally:
            self._bells[job_id].discard(bell)
            if not self._bells[job_id]:
                del self._bells[job_id]

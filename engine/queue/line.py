"""The jobs that wait, in memory, in the order in which they will run.

Numbers rule: smaller first, then smaller ids. Between clients that chose no number, turns are
taken: the client whose last start is longest ago is next, with its own smallest number. A job whose
number was chosen (by ``number``, ``front`` or a move) is a fence: no turn brings a job with a
larger number past it. With one client all of this is the order of numbers.

The database is the truth and this its image: the store changes it after each commit.
"""

import bisect
import heapq
import itertools
import math
import threading
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace

from engine.queue.job import Candidate

# Clients whose last start is remembered; others count as if they had never started anything.
_MAX_CLIENTS = 10_000


@dataclass(frozen=True, slots=True, order=True)
class Waiting:
    """A job that is pending, or will be again if its attempt is lost. Compares by its place.

    Attributes:
        explicit: its sender chose the number.
        attempt: the number of its last attempt.
        files: the names of models and LoRAs in its prompt.
    """

    number: float
    id: str
    seq: int = field(compare=False)
    client_id: str | None = field(compare=False)
    explicit: bool = field(compare=False)
    created_ms: int = field(compare=False)
    attempt: int = field(default=0, compare=False)
    files: tuple[str, ...] = field(default=(), compare=False)

    @property
    def client(self) -> str:
        """Whose turn it takes: those who gave no id are one client."""
        return self.client_id or ""

    def candidate(self, now_ms: int) -> Candidate:
        return Candidate(self.seq, self.id, self.client_id, self.files, now_ms - self.created_ms)


class Line:
    """Jobs that are pending or running. Safe to use from several threads.

    Args:
        clients: those that have started jobs before, longest ago first.
    """

    def __init__(
        self, pending: Iterable[Waiting], running: Iterable[Waiting], clients: Iterable[str]
    ) -> None:
        self._lock = threading.Lock()
        self._places = itertools.count(1)
        self._last: dict[str, int] = {client: next(self._places) for client in clients}
        self._pending: dict[int, Waiting] = {}
        self._by_id: dict[str, int] = {}
        self._running: dict[int, Waiting] = {job.seq: job for job in running}
        self._chosen: list[Waiting] = []
        self._free: dict[str, list[Waiting]] = {}
        self._held: set[int] = set()
        for job in sorted(pending):
            self._append(job)

    def __len__(self) -> int:
        return len(self._pending) + len(self._running)

    def add(self, job: Waiting) -> None:
        """A job was accepted."""
        with self._lock:
            self._append(job)

    def begin(self, seq: int) -> None:
        """An attempt at a pending job begins now."""
        with self._lock:
            job = self._take(seq)
            self._running[seq] = replace(job, attempt=job.attempt + 1)
            self._last.pop(job.client, None)  # so that the dictionary stays in the order of starts
            self._last[job.client] = next(self._places)
            if len(self._last) > _MAX_CLIENTS:
                del self._last[next(iter(self._last))]

    def hold(self, ids: Collection[str] | None) -> list[int]:
        """Keep pending jobs from being next, all or by id: they are about to be removed."""
        with self._lock:
            chosen = self._by_id if ids is None else dict.fromkeys(ids)
            found = [self._by_id[job_id] for job_id in chosen if job_id in self._by_id]
            self._held.update(found)
            return found

    def let_go(self, seqs: Iterable[int]) -> None:
        """Undo ``hold`` of jobs that were not removed."""
        with self._lock:
            self._held.difference_update(seqs)

    def put_back(self, seq: int) -> None:
        """The attempt at a running job is over, the job is not."""
        with self._lock:
            self._append(self._running.pop(seq))

    def remove(self, *seqs: int) -> None:
        """Jobs have ended or were dropped."""
        with self._lock:
            for seq in seqs:
                if self._running.pop(seq, None) is None:
                    self._take(seq)

    def renumber(self, numbers: Iterable[tuple[int, float]]) -> None:
        """Jobs were given numbers by somebody; one of them may have begun in the same moment."""
        with self._lock:
            for seq, number in numbers:
                if seq in self._pending:
                    self._append(replace(self._take(seq), number=number, explicit=True))
                elif seq in self._running:
                    job = self._running[seq]
                    self._running[seq] = replace(job, number=number, explicit=True)

    def due(self, limit: int = 1) -> list[Waiting]:
        """The job that is next, and then others that may go before it without harm to anybody.

        These are of the same client and on the same side of the next fence, in their order.
        """
        with self._lock:
            first = next(self._order(), None)
            if first is None or first.explicit or limit == 1:
                return [] if first is None else [first]
            fence = next(self._not_held(self._chosen), None)
            same = self._not_held(self._free[first.client])
            ahead = itertools.takewhile(lambda job: fence is None or job < fence, same)
            return list(itertools.islice(ahead, limit))

    def order(self) -> list[int]:
        """All pending jobs in running order."""
        with self._lock:
            return [job.seq for job in self._order()]

    def _append(self, job: Waiting) -> None:
        self._pending[job.seq] = job
        self._by_id[job.id] = job.seq
        bisect.insort(self._line_of(job), job)

    def _take(self, seq: int) -> Waiting:
        job = self._pending.pop(seq)
        del self._by_id[job.id]
        self._held.discard(seq)
        line = self._line_of(job)
        del line[bisect.bisect_left(line, job)]
        if not line and not job.explicit:
            del self._free[job.client]
        return job

    def _line_of(self, job: Waiting) -> list[Waiting]:
        return self._chosen if job.explicit else self._free.setdefault(job.client, [])

    def _order(self) -> Iterator[Waiting]:
        """Running order, one by one: between two fences the clients take turns."""
        last = dict(self._last)
        places = itertools.count(max(last.values(), default=0) + 1)
        lines = {client: self._not_held(line) for client, line in self._free.items()}
        # The next job of each client: those behind the fence by place, the others by turn.
        behind = [job for line in lines.values() if (job := next(line, None)) is not None]
        heapq.heapify(behind)
        for fence in itertools.chain(self._not_held(self._chosen), (None,)):
            bound = (math.inf, "") if fence is None else (fence.number, fence.id)
            turns: list[tuple[int, Waiting]] = []
            while behind and (behind[0].number, behind[0].id) < bound:
                job = heapq.heappop(behind)
                heapq.heappush(turns, (last.get(job.client, 0), job))
            while turns:
                _, job = heapq.heappop(turns)
                yield job
                last[job.client] = next(places)
                following = next(lines[job.client], None)
                if following is None:
                    continue
                if (following.number, following.id) < bound:
                    heapq.heappush(turns, (last[job.client], following))
                else:
                    heapq.heappush(behind, following)
            if fence is not None:
                yield fence
                last[fence.client] = next(places)

    def _not_held(self, line: Iterable[Waiting]) -> Iterator[Waiting]:
        return (job for job in line if job.seq not in self._held)

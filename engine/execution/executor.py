"""Evaluating a graph: run what is not cached, each node on its lane, as soon as it can."""

import heapq
import queue
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from engine.execution.cache import Entry, MemoryCache
from engine.execution.failure import error_data, now_ms
from engine.execution.job import Cancel, Emit, Event, Job, Outcome
from engine.execution.lanes import Lanes
from engine.execution.node_run import NodeRun, WritePrompt, arguments, entry_of
from engine.execution.plan import Plan, plan
from engine.execution.progress import ProgressBoard
from engine.files.confine import PathRefused, confine
from engine.files.folders import PLACES, Folders
from engine.graph.keys import Keys, keys
from engine.graph.registry import Registry
from engine.graph.run import Cancelled

# Seconds without the end of a node after which progress that was held back is told.
_QUIET = 0.1

Around = Callable[[], AbstractContextManager[object]]


class Executor:
    """Runs jobs one after another and keeps their results in its cache.

    Args:
        services: what nodes may ask for by type (``Run.service``).
        around: a context in which every node function is called (torch's inference mode).
        previews: whether jobs that do not say otherwise want previews.
    """

    def __init__(
        self,
        registry: Registry,
        folders: Folders,
        services: Mapping[type[Any], Any],
        cache: MemoryCache,
        write_prompt: WritePrompt,
        *,
        cpu_lanes: int = 2,
        around: Around = nullcontext,
        previews: bool = False,
    ) -> None:
        self.registry = registry
        self.folders = folders
        self.services = services
        self.cache = cache
        self.write_prompt = write_prompt
        self.around = around
        self.previews = previews
        self.lanes = Lanes(cpu_lanes)

    def run(self, job: Job, emit: Emit, cancel: Cancel) -> Outcome:
        """Run ``job`` to its end, telling ``emit`` about it. Blocks; never raises for a node."""
        return _JobRun(self, job, emit, cancel).run()

    def close(self) -> None:
        self.lanes.close()


class _JobRun:
    """The state of one job while it runs; only the thread of ``Executor.run`` changes it."""

    def __init__(self, engine: Executor, job: Job, emit: Emit, cancel: Cancel) -> None:
        self.engine = engine
        self.job = job
        self.emit = emit
        self.cancel = cancel
        self.board = ProgressBoard(job.prompt_id, emit)
        self.messages: list[list[Any]] = []
        self.entries: dict[str, Entry] = {}
        self.ui: dict[str, Any] = {}
        self.executed: list[str] = []
        self.finished: queue.SimpleQueue[tuple[str, dict[str, Any], Future[Entry]]] = (
            queue.SimpleQueue()
        )

    def run(self) -> Outcome:
        graph, outputs = self.job.graph, self.job.outputs
        self._record("execution_start", {})
        order = graph.needed(outputs)
        all_keys = keys(graph, order, self.engine.registry.catalogue, self.engine.folders)
        cached = [i for i in order if self._lookup(all_keys, i) is not None]
        work = plan(graph, outputs, all_keys, lambda node_id: self._lookup(all_keys, node_id))
        self._record("execution_cached", {"nodes": cached})
        for node_id, entry in work.found.items():
            self._take_cached(node_id, entry)
        failure = self._work(work, all_keys)
        self.board.flush()
        if failure is None:
            self._record("execution_success", {})
        status = self._end(failure)
        return Outcome(status, self.ui, {i: _meta(i) for i in self.ui}, self.messages)

    def _lookup(self, all_keys: Keys, node_id: str) -> Entry | None:
        key = all_keys.nodes[node_id]
        entry = self.engine.cache.get(key)
        if entry is not None and not _files_exist(entry, self.engine.folders):
            self.engine.cache.drop(key)
            return None
        return entry

    def _take_cached(self, node_id: str, entry: Entry) -> None:
        self.entries[node_id] = entry
        if node_id in self.job.outputs:
            self.board.finish(node_id)
            self._show(node_id, entry)

    def _work(self, work: Plan, all_keys: Keys) -> tuple[str, BaseException, dict[str, Any]] | None:
        """Run the plan; the first failure, if there was one, after what ran beside it has ended."""
        position = {node_id: n for n, node_id in enumerate(work.run)}
        waits = {node_id: set(work.waits[node_id]) for node_id in work.run}
        consumers: dict[str, list[str]] = {}
        for node_id, sources in waits.items():
            for source in sources:
                consumers.setdefault(source, []).append(node_id)
        ready = [(self._rank(i), position[i], i) for i in work.run if not waits[i]]
        heapq.heapify(ready)
        running = 0
        failure = None
        while True:
            while ready and failure is None:
                self._start(heapq.heappop(ready)[2])
                running += 1
            if not running:
                return failure
            try:
                node_id, inputs, future = self.finished.get(timeout=_QUIET)
            except queue.Empty:
                self.board.flush()  # a long node says nothing, others may have ended meanwhile
                continue
            running -= 1
            error = future.exception()
            if error is not None:
                failure = failure or (node_id, error, inputs)
                continue
            self._store(node_id, future.result(), work, all_keys)
            for consumer in consumers.get(node_id, ()):
                waits[consumer].discard(node_id)
                if not waits[consumer]:
                    heapq.heappush(ready, (self._rank(consumer), position[consumer], consumer))

    def _rank(self, node_id: str) -> int:
        """Outputs and async nodes first: they free memory, and they wait for others anyway."""
        spec = self.engine.registry[self.job.graph.nodes[node_id].class_type].spec
        return 0 if spec.is_output or spec.lane == "loop" else 1

    def _start(self, node_id: str) -> None:
        engine, node = self.engine, self.job.graph.nodes[node_id]
        definition = engine.registry[node.class_type]
        run = NodeRun(
            node_id,
            self.job,
            engine.folders,
            engine.services,
            self.board,
            self.cancel,
            _wants_preview(self.job, default=engine.previews),
            engine.write_prompt,
        )
        inputs = arguments(node, definition, self.entries, run)

        def call() -> Entry:
            run.check()
            self.board.start(node_id)
            with engine.around():
                return entry_of(definition, definition.function(**inputs), run)

        async def call_on_loop() -> Entry:
            run.check()
            self.board.start(node_id)
            return entry_of(definition, await definition.function(**inputs), run)

        lane = definition.spec.lane
        future = engine.lanes.submit(lane, call_on_loop if lane == "loop" else call)
        future.add_done_callback(lambda done: self.finished.put((node_id, inputs, done)))

    def _store(self, node_id: str, entry: Entry, work: Plan, all_keys: Keys) -> None:
        self.engine.cache.put(all_keys.nodes[node_id], entry)
        for same in (node_id, *work.twins.get(node_id, ())):
            self.entries[same] = entry
            self.executed.append(same)
            self.board.finish(same)
            if entry.ui is not None:
                self._show(same, entry)

    def _show(self, node_id: str, entry: Entry) -> None:
        ui = None if entry.ui is None else dict(entry.ui)
        if ui is not None:
            self.ui[node_id] = ui
        data = {"node": node_id, "display_node": node_id, "output": ui}
        self.emit(Event("executed", {**data, "prompt_id": self.job.prompt_id}))

    def _end(self, failure: tuple[str, BaseException, dict[str, Any]] | None) -> Any:
        if failure is None:
            return "success"
        node_id, error, inputs = failure
        node_type = self.job.graph.nodes[node_id].class_type
        if isinstance(error, Cancelled):
            where = {"node_id": node_id, "node_type": node_type, "executed": self.executed}
            self._record("execution_interrupted", where)
            return "interrupted"
        self.board.fail(node_id)
        self.board.flush()
        data = error_data(
            self.job.prompt_id, node_id, node_type, error, inputs, list(self.executed)
        )
        self._record("execution_error", data)
        return "error"

    def _record(self, type_: str, data: dict[str, Any]) -> None:
        data = {"prompt_id": self.job.prompt_id, "timestamp": now_ms(), **data}
        self.messages.append([type_, data])
        self.emit(Event(type_, data))


def _wants_preview(job: Job, *, default: bool) -> bool:
    method = job.extra.get("preview_method", "default")
    return default if method == "default" else method != "none"


def _files_exist(entry: Entry, folders: Folders) -> bool:
    """Whether the files that an output showed are still there: a deleted picture is made again."""
    for item in (item for items in (entry.ui or {}).values() for item in items):
        if isinstance(item, Mapping) and item.get("type") in PLACES and "filename" in item:
            root = folders.place(str(item["type"]))
            try:
                path = confine(root, f"{item.get('subfolder', '')}/{item['filename']}".lstrip("/"))
            except PathRefused:
                return False
            if not path.is_file():
                return False
    return True


def _meta(node_id: str) -> dict[str, Any]:
    return {
        "node_id": node_id,
        "display_node": node_id,
        "parent_node": None,
        "real_node_id": node_id,
    }

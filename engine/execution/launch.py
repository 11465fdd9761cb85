"""Making a node's calls: on its lane, measured, watched, with what each call may ask for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from engine.execution.calls import Results, calls_of, run_calls, run_calls_on_loop, run_watched
from engine.execution.job import Cancel, Job
from engine.execution.ledger import Ledger
from engine.execution.live import Live
from engine.execution.node_run import NodeRun
from engine.execution.progress import ProgressBoard
from engine.execution.staying import staying
from engine.graph.definition import Definition
from engine.graph.keys import Keys

if TYPE_CHECKING:
    from engine.execution.executor import Executor


@dataclass(frozen=True, slots=True)
class Ended:
    """A node's calls have ended on their lane, well or not."""

    node_id: str
    inputs: Mapping[str, Any]
    calls: int
    future: Future[Results]
    seconds: float


@dataclass(frozen=True, slots=True)
class Launch:
    """Starts the nodes of one job. ``over`` may be called from any thread."""

    engine: Executor
    job: Job
    cancel: Cancel
    live: Live
    board: ProgressBoard
    ledger: Ledger
    keys: Keys
    over: Callable[[Ended], None]

    def start(
        self, node_id: str, definition: Definition, inputs: Mapping[str, tuple[Any, ...]]
    ) -> Future[Results]:
        """Have the node's calls made on its lane; ``over`` hears of their end."""
        calls = calls_of(definition.spec, inputs)
        shown: dict[str, list[Any]] = {}
        run_of = partial(self.run_of, node_id, shown=shown)
        began = time.perf_counter()

        def begin() -> None:
            nonlocal began
            began = time.perf_counter()
            run_of(0).check()
            self.board.start(node_id)

        def call() -> Results:
            begin()
            with self.engine.around(), self.ledger.measuring(node_id, definition.spec.lane):
                results = self._watched(definition, inputs, calls, run_of)
            return _with_shown(results, shown)

        async def call_on_loop() -> Results:
            begin()
            return _with_shown(await run_calls_on_loop(definition, calls, run_of), shown)

        spec, brief = definition.spec, self.engine.brief
        future: Future[Results]
        if spec.lane == "cpu" and spec.class_type in brief:
            future = _called(call)
        else:
            work = call_on_loop if spec.lane == "loop" else call
            future = self.engine.lanes.submit(spec.lane, work)

        def over(done: Future[Results]) -> None:
            self.board.returned(node_id)
            seconds = time.perf_counter() - began
            brief.note(spec.class_type, seconds)
            self.over(Ended(node_id, inputs, len(calls), done, seconds))

        future.add_done_callback(over)
        return future

    def _watched(
        self,
        definition: Definition,
        inputs: Mapping[str, tuple[Any, ...]],
        calls: list[dict[str, Any]],
        run_of: Callable[[int], NodeRun],
    ) -> Results:
        call = partial(run_calls, definition, calls, run_of, self.engine.lanes.wait)
        if self.engine.watch is None:
            return call()
        return run_watched(self.engine.watch, definition.spec.class_type, inputs, call)

    def run_of(
        self, node_id: str, index: int = 0, *, shown: dict[str, list[Any]] | None = None
    ) -> NodeRun:
        return NodeRun(
            node_id,
            self.keys.nodes.get(node_id, ""),
            index,
            self.job,
            self.engine.surroundings,
            self.live,
            self.board,
            self.cancel,
            _wants_preview(self.job, default=self.engine.previews),
            {} if shown is None else shown,
        )


def _called(call: Callable[[], Results]) -> Future[Results]:
    """What a lane gives for a call, after it was made here."""
    future: Future[Results] = Future()
    try:
        future.set_result(staying(call))
    except BaseException as error:  # noqa: BLE001 - as a lane does: it is the node's
        future.set_exception(error)
    return future


def _with_shown(results: Results, shown: Mapping[str, list[Any]]) -> Results:
    """The results with what the node showed through its ``Run``."""
    if not shown:
        return results
    kinds = dict.fromkeys((*shown, *results.ui))
    return replace(results, ui={k: [*shown.get(k, ()), *results.ui.get(k, ())] for k in kinds})


def _wants_preview(job: Job, *, default: bool) -> bool:
    method = job.extra.get("preview_method", "default")
    return default if method == "default" else method != "none"

"""What is told about a job: events as it runs, and the outcome that becomes its history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.execution.failure import error_data, now_ms
from engine.execution.job import DEVICE_FREE, Emit, Event, Job, Outcome
from engine.execution.live import Live
from engine.execution.progress import ProgressBoard


@dataclass(frozen=True, slots=True)
class Failure:
    """A node raised ``error`` when it was called with ``inputs``."""

    node_id: str
    error: BaseException
    inputs: Mapping[str, Any]


class Report:
    """Tells ``emit``, and remembers what history keeps. Only the job's thread comes here."""

    def __init__(self, job: Job, emit: Emit, board: ProgressBoard, live: Live) -> None:
        self.failures: list[Failure] = []
        self._job = job
        self._emit = emit
        self._board = board
        self._live = live
        self._messages: list[list[Any]] = []
        self._ui: dict[str, Any] = {}
        self._executed: list[str] = []
        self._interrupted: str | None = None
        self._device_told = False

    def started(self) -> None:
        self._record("execution_start", {})

    def cached(self, node_ids: Sequence[str]) -> None:
        self._record("execution_cached", {"nodes": list(node_ids)})

    def keep_ui(self, node_id: str, ui: Mapping[str, Any]) -> None:
        """Put what a cached node showed into the history."""
        self._ui[node_id] = ui

    def were_there(self, outputs: Mapping[str, Mapping[str, Any] | None]) -> None:
        """Outputs whose results were cached are told even if they show nothing: clients wait for
        each of them.
        """
        self._board.were_there(outputs)
        for node_id, ui in outputs.items():
            self._executed_event(node_id, ui)

    def finished(self, node_id: str, ui: Mapping[str, Any] | None) -> None:
        """A node has run and has its result."""
        self._board.finish(node_id)
        self._executed.append(node_id)
        if ui is not None:
            self._executed_event(node_id, ui)

    def _executed_event(self, node_id: str, ui: Mapping[str, Any] | None) -> None:
        if ui is not None:
            self._ui[node_id] = ui
        data = {
            "node": node_id,
            "display_node": self._live.display(node_id),
            "output": ui,
            "prompt_id": self._job.prompt_id,
        }
        self._emit(Event("executed", data))

    def failed(self, failure: Failure) -> None:
        """A node failed. The message follows at the job's end, when other branches are done."""
        self.failures.append(failure)
        self._board.fail(failure.node_id)
        self._board.flush()

    def blocked(self, node_id: str, class_type: str, message: str) -> None:
        """A node was kept from running, and a person should know why. The job goes on."""
        data = {
            "node_id": self._live.real(node_id),
            "node_type": class_type,
            "executed": list(self._executed),
            "exception_message": f"Execution Blocked: {message}",
            "exception_type": "ExecutionBlocked",
            "traceback": [],
            "current_inputs": [],
            "current_outputs": [],
        }
        self._record("execution_error", data)

    def interrupted(self, node_id: str) -> None:
        """The job was cancelled; the first node that noticed is named."""
        self._interrupted = self._interrupted or node_id

    def device_is_free(self) -> None:
        if not self._device_told:
            self._device_told = True
            self._emit(Event(DEVICE_FREE, {}))

    def outcome(self, ledger: dict[str, Any]) -> Outcome:
        """The end: the last messages are told and everything is put together."""
        self._board.flush()
        status = self._end()
        meta = {node_id: self._live.identity(node_id) for node_id in self._ui}
        return Outcome(status, self._ui, meta, self._messages, ledger)

    def _end(self) -> Any:
        if self._interrupted is not None:
            node_id = self._interrupted
            node = self._live.nodes.get(node_id)
            where = {
                "node_id": self._live.real(node_id),
                "node_type": "" if node is None else node.class_type,
                "executed": self._executed,
            }
            self._record("execution_interrupted", where)
            return "interrupted"
        for failure in self.failures:
            self._record("execution_error", self._error(failure))
        if self.failures:
            return "error"
        self._record("execution_success", {})
        return "success"

    def _error(self, failure: Failure) -> dict[str, Any]:
        return error_data(
            self._job.prompt_id,
            self._live.real(failure.node_id),
            self._live.nodes[failure.node_id].class_type,
            failure.error,
            failure.inputs,
            list(self._executed),
        )

    def _record(self, type_: str, data: dict[str, Any]) -> None:
        data = {"prompt_id": self._job.prompt_id, "timestamp": now_ms(), **data}
        self._messages.append([type_, data])
        self._emit(Event(type_, data))

"""One job from its start to its end: what is cached is taken, the rest is run as soon as it can.

Only the thread that called ``run`` changes anything here; lanes report to it through a queue.
"""

from __future__ import annotations

import queue
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from engine.execution.asked import Asked
from engine.execution.cache import Entry
from engine.execution.calls import Results, gather
from engine.execution.fingerprints import salts
from engine.execution.frozen import frozen, thawed
from engine.execution.job import Cancel, Emit, Job, Outcome
from engine.execution.launch import Ended, Launch
from engine.execution.ledger import Ledger
from engine.execution.live import Live
from engine.execution.progress import ProgressBoard
from engine.execution.report import Failure, Report
from engine.execution.shown import files_exist
from engine.execution.sizes import nbytes
from engine.execution.work import Work
from engine.graph.definition import Definition, NodeError, NotYet
from engine.graph.graph import Graph, Link, Node
from engine.graph.keys import Keys
from engine.graph.run import Cancelled
from engine.graph.spec import NodeSpec

if TYPE_CHECKING:
    from engine.execution.executor import Executor

# Seconds without the end of a node after which progress that was held back is told.
_QUIET = 0.1


@dataclass(frozen=True, slots=True)
class _Landed:
    """Another job has computed what a node here would have; or has failed to."""

    node_id: str
    entry: Entry | None


class JobRun:
    """The state of one job while it runs."""

    def __init__(self, engine: Executor, job: Job, emit: Emit, cancel: Cancel) -> None:
        self.engine = engine
        self.job = job
        self.cancel = cancel
        self.live = Live(job.graph)
        self.board = ProgressBoard(job.prompt_id, emit, self.live)
        self.report = Report(job, emit, self.board, self.live)
        self.ledger = Ledger(engine.meter)
        self.keys = Keys()
        self.needed = engine.asked.order(job.graph, job.outputs)
        self.news: queue.SimpleQueue[Ended | _Landed] = queue.SimpleQueue()
        self.launch = Launch(
            engine, job, cancel, self.live, self.board, self.ledger, self.keys, self.news.put
        )
        self.past = engine.memory.past(_document(job))
        classes = {job.graph.nodes[i].class_type for i in self.needed}
        keeps = not classes.isdisjoint(engine.registry.catalogue.linking)
        self.work = Work(self.live.nodes, self.keys, self.spec, self._lookup, keeps)
        self.expanded: dict[str, Results] = {}
        self.spent: dict[str, float] = {}
        self.flying: set[str] = set()
        self.running: dict[str, Future[Results]] = {}
        self.elsewhere: set[str] = set()

    def run(self) -> Outcome:
        self.report.started()
        needed = self.needed
        try:
            self.learn([self.job.graph.nodes[i] for i in needed])
            self.engine.cache.begin(self.job.prompt_id, self.keys.nodes.values())
            self.report.cached([i for i in needed if self.is_cached(i)])
            self._pull(self.job.outputs)
            self._work()
        except Cancelled:
            self.report.interrupted("")
        finally:
            self._land_all()
            self._remember()
        return self.report.outcome(self.ledger.to_json(self.work.entries))

    def learn(self, nodes: list[Node]) -> None:
        """Compute the keys of nodes, each after those that feed it."""
        registry = self.engine.registry
        own = [node for node in nodes if node.class_type in registry.salted]
        run_of, wait = self.launch.run_of, self.engine.lanes.wait
        salted = salts(own, registry.__getitem__, lambda node: run_of(node.id), wait)
        catalogue, before = self.engine.registry.catalogue, self.engine.asked.keys
        self.keys.add(nodes, catalogue, self.engine.stamp, salted, before)

    def is_cached(self, node_id: str) -> bool:
        """Whether a node's result is there, without fetching it; what it showed is shown again."""
        entry = self.engine.cache.peek(self.keys.nodes[node_id])
        if entry is None:
            return self.keys.nodes[node_id] in self.engine.cache
        if entry.ui is None:
            return True
        if not files_exist(entry.ui, self.engine.folders):
            self.engine.cache.drop(self.keys.nodes[node_id])
            return False
        self.report.keep_ui(node_id, entry.ui)
        return True

    def why(self, node_id: str) -> Mapping[str, Any]:
        """Why a node whose key is known has to run."""
        class_type, parts = self.live.nodes[node_id].class_type, self.keys.parts[node_id]
        return self.past.why(node_id, class_type, self.keys.nodes[node_id], parts)

    def _lookup(self, node_id: str) -> Entry | None:
        return self.engine.cache.get(self.keys.nodes[node_id])

    def _pull(self, wanted: Iterable[str]) -> None:
        before = len(self.work.cached)
        self.work.pull(wanted)
        cached = self.work.cached[before:]
        self.ledger.cached(cached)
        outputs = [node_id for node_id in cached if self.spec(node_id).is_output]
        self.report.were_there({i: self.work.entries[i].ui for i in outputs})

    def _work(self) -> None:
        while True:
            while not self.cancel.is_set() and (node_id := self.work.next()) is not None:
                self._start(node_id)
            if not self.running and not self.elsewhere:
                break
            if not self.work.needs_device:
                self.report.device_is_free()
            try:
                news = self.news.get(timeout=_QUIET)
            except queue.Empty:
                self._nothing_new()
                continue
            if isinstance(news, Ended):
                self._ended(news)
            else:
                self._landed(news)
        if self.cancel.is_set():
            self.report.interrupted("")
        elif not self.report.failures and (stuck := self.work.stuck()):
            why = NodeError("Dependency cycle detected among the nodes of an expansion.")
            self._fail(stuck[0], why, {})

    def _nothing_new(self) -> None:
        self.board.flush()  # a long node says nothing, others may have ended meanwhile
        if self.cancel.is_set():
            self.elsewhere.clear()
            for future in self.running.values():
                future.cancel()

    def _start(self, node_id: str) -> None:
        if node_id in self.expanded:
            self._take(node_id, self.expanded.pop(node_id), self.spent.pop(node_id), {})
            return
        key = self.keys.nodes[node_id]
        if key not in self.flying:
            landed = partial(self._hear_of, node_id)
            if not self.engine.flights.take_off(key, landed):
                self.elsewhere.add(node_id)
                return
            self.flying.add(key)
        definition = self._definition(node_id)
        inputs = gather(self.live.nodes[node_id], definition.spec, self.work.look)
        if definition.own_inputs:
            inputs = {name: thawed(elements) for name, elements in inputs.items()}
        self.running[node_id] = self.launch.start(node_id, definition, inputs)

    def _ended(self, news: Ended) -> None:
        node_id = news.node_id
        del self.running[node_id]
        error = self._error(news.future)
        if isinstance(error, NotYet):
            self._fetch(node_id, error.names)
        elif isinstance(error, Cancelled) or (error is not None and self.cancel.is_set()):
            self.report.interrupted(node_id)
        elif error is not None:
            self._fail(node_id, error, news.inputs)
        else:
            results = news.future.result()
            for n in range(news.calls):
                self.engine.surroundings.checkpoints.drop(self.launch.run_of(node_id, n).state_key)
            self._take(node_id, results, news.seconds, news.inputs)

    def _take(
        self, node_id: str, results: Results, seconds: float, inputs: Mapping[str, Any]
    ) -> None:
        """A node's calls have given ``results``, or the results of its expansion are there."""
        try:
            if results.expansions:
                self._expand(node_id, results, seconds)
            else:
                self._complete(node_id, results, seconds)
        except Exception as problem:  # noqa: BLE001 - what it gave may be anything
            self._fail(node_id, problem, inputs)

    def _error(self, future: Future[Results]) -> BaseException | None:
        if not future.cancelled():
            return future.exception()
        if self.cancel.is_set():
            return Cancelled()
        return NodeError("The node was cancelled by its own code (asyncio.CancelledError).")

    def _fetch(self, node_id: str, names: Iterable[str]) -> None:
        """Have lazy inputs evaluated, then try again."""
        inputs = self.live.nodes[node_id].inputs
        sources = [inputs[name].node for name in names]
        self._pull(sources)
        self.work.wait(node_id, sources)

    def _expand(self, node_id: str, results: Results, seconds: float) -> None:
        """Put a node's expansion into the graph; the node's result is made of its results."""
        new: dict[str, Node] = {}
        for expansion in results.expansions:
            self.live.expand(node_id, expansion, self.engine.registry.catalogue)
            new.update(expansion.nodes)
        sources = [e.node for slot in results.slots for e in slot if isinstance(e, Link)]
        for link in (e for slot in results.slots for e in slot if isinstance(e, Link)):
            self.live.check_result(node_id, link)
        self.learn([new[i] for i in Graph(new).needed(new)])
        self.engine.cache.begin(self.job.prompt_id, [self.keys.nodes[i] for i in new])
        outputs = [i for i in new if self.spec(i).is_output]
        self.work.hold(sources)
        self._pull([*sources, *outputs])
        self.expanded[node_id] = replace(results, expansions=())
        self.spent[node_id] = seconds
        self.work.wait(node_id, sources)

    def _complete(self, node_id: str, results: Results, seconds: float) -> None:
        slots = frozen(
            tuple(
                tuple(e for element in slot for e in self._resolved(element))
                for slot in results.slots
            )
        )
        ui = {kind: list(items) for kind, items in results.ui.items()} or None
        entry = Entry(slots, ui, seconds)
        self.work.release(e.node for slot in results.slots for e in slot if isinstance(e, Link))
        if results.blocked is not None:
            self.report.blocked(node_id, self.spec(node_id).class_type, results.blocked)
        self.engine.cache.put(self.keys.nodes[node_id], entry)
        class_type = self.live.nodes[node_id].class_type
        self.ledger.ran(node_id, class_type, seconds, nbytes(slots), self.why(node_id))
        self._settle(node_id, entry)

    def _resolved(self, element: Any) -> tuple[Any, ...]:
        if not isinstance(element, Link):
            return (element,)
        found = self.work.look(element)
        return (None,) if found is None else found

    def _settle(self, node_id: str, entry: Entry) -> None:
        key = self.keys.nodes[node_id]
        if key in self.flying:
            self.flying.discard(key)
            self.engine.flights.land(key, entry)
        for same in self.work.settle(node_id, entry):
            self.report.finished(same, entry.ui)

    def _fail(self, node_id: str, error: BaseException, inputs: Mapping[str, Any]) -> None:
        """What depends on the node will not run; everything else does."""
        key = self.keys.nodes[node_id]
        if key in self.flying:
            self.flying.discard(key)
            self.engine.flights.land(key, None)
        self.work.fail(node_id)
        self.report.failed(Failure(node_id, error, inputs))

    def _landed(self, news: _Landed) -> None:
        if news.node_id not in self.elsewhere:
            return
        self.elsewhere.discard(news.node_id)
        if news.entry is None:
            self.work.wait(news.node_id, ())
        else:
            self._settle(news.node_id, news.entry)

    def _hear_of(self, node_id: str, entry: Entry | None) -> None:
        self.news.put(_Landed(node_id, entry))

    def _land_all(self) -> None:
        for key in self.flying:
            self.engine.flights.land(key, None)
        self.flying.clear()

    def _remember(self) -> None:
        """Leave behind what the next job is compared with."""
        nodes = self.live.nodes
        classes = {node_id: nodes[node_id].class_type for node_id in self.keys.nodes}
        self.engine.memory.remember(_document(self.job), self.keys, classes)
        self.engine.asked = Asked(self.job.graph, self.job.outputs, self.needed, self.keys)
        self.engine.cache.end(self.job.prompt_id)

    def _definition(self, node_id: str) -> Definition:
        return self.engine.registry[self.live.nodes[node_id].class_type]

    def spec(self, node_id: str) -> NodeSpec:
        return self._definition(node_id).spec


def _document(job: Job) -> str:
    """The document that a job comes from, so that its nodes are compared with their own past."""
    pnginfo = job.extra.get("extra_pnginfo")
    workflow = pnginfo.get("workflow") if isinstance(pnginfo, Mapping) else None
    found = workflow.get("id") if isinstance(workflow, Mapping) else None
    return str(found or job.extra.get("client_id") or "")

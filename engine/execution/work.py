"""What is left to do of a job: which nodes wait for which, and which can start now.

Pulled from the outputs, so nothing above a cached result is looked at. Grows while the job runs,
by lazy inputs and expansions. Pure bookkeeping: nothing runs here, and nothing recurses.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from engine.execution.cache import Entry
from engine.graph.dynamic import declared
from engine.graph.graph import Link, Node
from engine.graph.keys import Key, Keys
from engine.graph.spec import NodeSpec

# Stands for a result that everybody has had.
_LET_GO = Entry(())


@dataclass(slots=True)
class Work:
    """The bookkeeping of one job; owned by its ``JobRun``.

    Attributes:
        keeps: whether results are held to the end, because an expansion may ask for any of them.
            Else each is let go when the nodes that it is linked to have theirs: what nobody caches
            takes no memory from then on.
        entries: results that are there or were, by node id.
        twins: of several nodes with one key the first is run; the others, by the id of that one.
        cached: nodes whose result was in the cache when they were pulled.
    """

    nodes: Mapping[str, Node]
    keys: Keys
    spec_of: Callable[[str], NodeSpec]
    lookup: Callable[[str], Entry | None]
    keeps: bool = False
    entries: dict[str, Entry] = field(default_factory=dict)
    twins: dict[str, list[str]] = field(default_factory=dict)
    cached: list[str] = field(default_factory=list)
    _stands_for: dict[str, str] = field(default_factory=dict)
    _first: dict[Key, str] = field(default_factory=dict)
    _waits: dict[str, set[str]] = field(default_factory=dict)
    _consumers: dict[str, list[str]] = field(default_factory=dict)
    _ready: list[tuple[int, int, str]] = field(default_factory=list)
    _order: dict[str, int] = field(default_factory=dict)
    _device: set[str] = field(default_factory=set)
    _uses: dict[str, int] = field(default_factory=dict)
    _over: set[str] = field(default_factory=set)

    def pull(self, wanted: Iterable[str]) -> None:
        """Have these nodes' results made, with all that they need and that is not there."""
        pulled = []
        stack = list(wanted)
        while stack:
            node_id = stack.pop()
            if self.entries.get(node_id) is _LET_GO:  # everybody had it, and now one more asks
                del self.entries[node_id]
                self._first.pop(self.keys.nodes[node_id], None)
                self._stands_for.pop(node_id, None)
                self._over.discard(node_id)
            if node_id in self._stands_for or node_id in self.entries:
                continue
            entry = self.lookup(node_id)
            if entry is not None:
                self.entries[node_id] = entry
                self.cached.append(node_id)
                continue
            first = self._first.setdefault(self.keys.nodes[node_id], node_id)
            if self.entries.get(first) is _LET_GO:
                first = self._first[self.keys.nodes[node_id]] = node_id
            self._stands_for[node_id] = first
            self.hold(self.nodes[node_id].sources)
            if first == node_id:
                pulled.append(node_id)
                stack += strong_sources(self.nodes[node_id], self.spec_of(node_id))
            elif first in self.entries:
                self.entries[node_id] = self.entries[first]
            else:
                self.twins.setdefault(first, []).append(node_id)
        # Sources were pulled after their consumers; in this order a chain starts at its source.
        for node_id in reversed(pulled):
            self._order[node_id] = len(self._order)
            if self.spec_of(node_id).lane == "device":
                self._device.add(node_id)
            self.wait(node_id, strong_sources(self.nodes[node_id], self.spec_of(node_id)))

    def wait(self, node_id: str, sources: Iterable[str]) -> None:
        """Let a node start when these (pulled) nodes have results; at once if they have."""
        missing = {self._stands_for.get(i, i) for i in sources if i not in self.entries}
        self._waits[node_id] = missing
        for source in missing:
            self._consumers.setdefault(source, []).append(node_id)
        if not missing:
            self._push(node_id)

    def next(self) -> str | None:
        """A node that can start now; it is not given again unless ``wait`` is called for it."""
        if not self._ready:
            return None
        node_id = heapq.heappop(self._ready)[2]
        del self._waits[node_id]
        return node_id

    def settle(self, node_id: str, entry: Entry) -> Iterator[str]:
        """A node has its result: its twins have it, too, and who waited may start. Gives all ids
        that the result belongs to.
        """
        self._device.discard(node_id)
        for same in (node_id, *self.twins.get(node_id, ())):
            self.entries[same] = entry
            self._used(same)
            yield same
        for consumer in self._consumers.pop(node_id, ()):
            waits = self._waits.get(consumer)
            if waits is not None and node_id in waits:
                waits.discard(node_id)
                if not waits:
                    self._push(consumer)

    def fail(self, node_id: str) -> None:
        """A node will have no result: what waits for it never starts."""
        for lost in self._downstream(node_id):
            self._device.discard(lost)
            self._used(lost)

    @property
    def needs_device(self) -> bool:
        """Whether a node that is left runs on the device, as far as can be known now."""
        return bool(self._device)

    def stuck(self) -> list[str]:
        """Nodes that wait for others although nothing runs: a cycle, or behind a failure."""
        return list(self._waits)

    def look(self, link: Link) -> tuple[object, ...] | None:
        """The elements along a link; None when its node was not evaluated."""
        entry = self.entries.get(link.node)
        if entry is None:
            return None
        if entry is _LET_GO:  # a fault of ours; without this the picture would be wrong in silence
            raise RuntimeError(f"The result of node '{link.node}' was let go too early.")
        return entry.values[link.slot] if link.slot < len(entry.values) else (None,)

    def hold(self, sources: Iterable[str]) -> None:
        """Somebody will ask for these nodes' results, and say so when he has had them."""
        for source in sources:
            self._uses[source] = self._uses.get(source, 0) + 1

    def _used(self, node_id: str) -> None:
        """A node asks for nothing any more."""
        if node_id not in self._over:
            self._over.add(node_id)
            self.release(self.nodes[node_id].sources)

    def release(self, sources: Iterable[str]) -> None:
        """Whoever held these has had them; what nobody holds any more is let go."""
        if self.keeps:
            return
        for source in sources:
            self._uses[source] = left = self._uses.get(source, 1) - 1
            if left == 0 and source in self.entries:
                self.entries[source] = _LET_GO

    def _downstream(self, node_id: str) -> set[str]:
        found = {node_id}
        stack = [node_id]
        while stack:
            for consumer in self._consumers.get(stack.pop(), ()):
                if consumer not in found:
                    found.add(consumer)
                    stack.append(consumer)
        return found

    def _push(self, node_id: str) -> None:
        # Outputs and async nodes first: they free memory, and they wait for others anyway.
        spec = self.spec_of(node_id)
        rank = 0 if spec.is_output or spec.lane == "loop" else 1
        heapq.heappush(self._ready, (rank, self._order[node_id], node_id))


def strong_sources(node: Node, spec: NodeSpec) -> list[str]:
    """The nodes that must have results before this one is called for the first time."""
    items = declared(spec, node.inputs)
    if not any(item.lazy for item in items) and spec.undeclared != "drop":
        return list(node.sources)
    by_name = {item.name: item for item in items}
    strong = []
    for name, link in node.links():
        item = by_name.get(name)
        if item is None:
            if spec.undeclared != "drop":
                strong.append(link.node)
        elif not item.lazy:
            strong.append(link.node)
    return strong

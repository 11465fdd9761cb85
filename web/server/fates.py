"""What became of each node of a prompt: from the prompt, its ledger and its messages.

A node's account is ``{"class_type", "title", "status", "why", "changes", "start", "seconds",
"bytes", "peak_bytes", "text"}``. ``status`` is ``ran``, ``cached``, ``failed``, ``not needed`` or
``not reached``; ``text`` says it in a sentence. ``start`` and ``seconds`` are seconds, ``start``
from the beginning of the job; what is not known is null. One pass over nodes and links.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from engine.formats.api import read_prompt
from engine.graph.graph import Graph, Link, Node
from web.server.reasons import reason

Account = dict[str, Any]


class _Fate(NamedTuple):
    status: str
    text: str


_CACHED = _Fate("cached", "taken from the cache")
_SHARED = _Fate("cached", "taken from an equal node, which ran at the same time")
_UNWANTED = _Fate("not needed", "not needed: no output that was asked for depends on it")
_BEHIND = _Fate("not needed", "not needed: what it leads to was taken from the cache")
_BESIDE = _Fate("not needed", "not needed: what it leads to was taken from an equal node")
_TOO_LATE = _Fate("not reached", "not reached: the run ended before its turn")


def fates_of(
    prompt: Mapping[str, Any],
    outputs: Sequence[str],
    ledger: Mapping[str, Any],
    messages: Sequence[Any],
) -> tuple[dict[str, Account], dict[str, Account]]:
    """The accounts of the nodes of the prompt, and of those that nodes have put in their place."""
    fates = _Fates(read_prompt(prompt), outputs, ledger, messages)
    nodes = {node_id: fates.account(node) for node_id, node in fates.graph.nodes.items()}
    added = {
        node_id: _account(record["class_type"], record["class_type"], "ran", "ran", record)
        for node_id, record in fates.ran.items()
        if node_id not in nodes
    }
    return nodes, added


def names_of(graph: Graph) -> dict[str, str]:
    """What sentences call each node: its title, and its id where several have the same one."""
    titles = Counter(title_of(node) for node in graph.nodes.values())
    return {
        node_id: f"'{title}'" if titles[title] == 1 else f"'{title}' (node {node_id})"
        for node_id, node in graph.nodes.items()
        for title in [title_of(node)]
    }


def why_text(node: Node, record: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """The reason in ``record`` why this node runs, to follow "ran" or "would run"."""

    def source_of(name: str) -> str:
        link = node.inputs.get(name)
        known = names.get(link.node) if isinstance(link, Link) else None
        return known or f"what feeds {name}"

    return reason(record, source_of)


class _Fates:
    """One job, read; the nodes that have no record in its ledger are accounted for first."""

    def __init__(
        self,
        graph: Graph,
        outputs: Sequence[str],
        ledger: Mapping[str, Any],
        messages: Sequence[Any],
    ) -> None:
        self.graph = graph
        self.ran: Mapping[str, Mapping[str, Any]] = ledger.get("nodes", {})
        self._names = names_of(graph)
        self._shared = frozenset(ledger.get("shared", ()))
        self._cached = {*ledger.get("cached", ()), *_told_cached(messages)} - self._shared
        self._failed = _failures(messages, self.ran)
        order = graph.needed(outputs)
        self._blocked_by = self._downstream_of_failures(order)
        self._absent = self._why_absent(order, set(outputs))

    def account(self, node: Node) -> Account:
        status, text = self._fate(node)
        record = self.ran.get(node.id, {}) if status == "ran" else {}
        return _account(node.class_type, title_of(node), status, text, record)

    def _fate(self, node: Node) -> _Fate:
        if node.id in self.ran:
            return _Fate("ran", "ran" + why_text(node, self.ran[node.id], self._names))
        if node.id in self._failed:
            return _Fate("failed", f"failed: {self._failed[node.id]}")
        if node.id in self._shared:
            return _SHARED
        if node.id in self._cached:
            return _CACHED
        return self._absent.get(node.id, _UNWANTED)

    def _recorded(self, node_id: str) -> bool:
        return (
            node_id in self.ran
            or node_id in self._failed
            or node_id in self._cached
            or node_id in self._shared
        )

    def _downstream_of_failures(self, order: Sequence[str]) -> dict[str, str]:
        """For the nodes that a failure kept from running, which one that was."""
        found: dict[str, str] = {}
        for node_id in order:
            for source in self.graph.nodes[node_id].sources:
                culprit = source if source in self._failed else found.get(source)
                if culprit is not None and not self._recorded(node_id):
                    found[node_id] = culprit
                    break
        return found

    def _why_absent(self, order: Sequence[str], outputs: set[str]) -> dict[str, _Fate]:
        """Why nodes have no record: each after those that it feeds, for these know."""
        found: dict[str, _Fate] = {}
        for node_id in reversed(order):
            if node_id in self._blocked_by:
                culprit = self._names[self._blocked_by[node_id]]
                text = f"not reached: {culprit} failed before it"
                found[node_id] = _Fate("not reached", text)
            elif node_id in outputs and not self._recorded(node_id):
                found[node_id] = _TOO_LATE
            for source in self.graph.nodes[node_id].sources:
                if not self._recorded(source):
                    said = self._what_consumer_says(node_id, found)
                    found[source] = min(found.get(source, said), said, key=_weight)
        return found

    def _what_consumer_says(self, consumer: str, found: Mapping[str, _Fate]) -> _Fate:
        if consumer in self.ran or consumer in self._failed:
            text = f"not needed: {self._names[consumer]} did not ask for it"
            return _Fate("not needed", text)
        if self._recorded(consumer):
            return _BESIDE if consumer in self._shared else _BEHIND
        fate = found.get(consumer, _TOO_LATE)
        return _TOO_LATE if fate.status == "not reached" else fate


def _weight(fate: _Fate) -> int:
    """Of what several consumers say, that one was never reached says most."""
    if fate.status == "not reached":
        return 0
    return 2 if fate in (_BEHIND, _BESIDE) else 1


def title_of(node: Node) -> str:
    """What a node is called: its own title, or its class."""
    return node.title or node.class_type


def _account(
    class_type: str, title: str, status: str, text: str, record: Mapping[str, Any]
) -> Account:
    figures = ("why", "changes", "start", "seconds", "bytes", "peak_bytes")
    known = {name: record.get(name) for name in figures}
    return {"class_type": class_type, "title": title, "status": status, **known, "text": text}


def _told_cached(messages: Sequence[Any]) -> Sequence[str]:
    """What was in the cache when the job began, whether it was needed from there or not."""
    told = (data.get("nodes", ()) for type_, data in messages if type_ == "execution_cached")
    return next(told, ())


def _failures(messages: Sequence[Any], ran: Mapping[str, Any]) -> dict[str, str]:
    """The words of each failure by node id. A node that was blocked on the way has run."""
    return {
        str(data["node_id"]): " ".join(str(data.get("exception_message", "")).split())
        for type_, data in messages
        if type_ == "execution_error" and data.get("node_id") and str(data["node_id"]) not in ran
    }

"""Keys of results: what a node computes, as a digest of everything that it depends on.

One pass in the order of the flow, so a graph costs O(nodes + links). Ids, titles and the order of
nodes never matter: two equal nodes have one key. A key exists for each node, and for each of its
outputs; an output's key leaves out the inputs that it does not depend on, and is the key of an
input that passes through untouched. So a LoRA strength for the model does not touch the text
encoder, and a strength of zero is no LoRA at all.
"""

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from types import MappingProxyType
from typing import Any

from engine.graph.catalogue import Catalogue
from engine.graph.dynamic import declared
from engine.graph.graph import Link, Node
from engine.graph.spec import NodeSpec

Key = str
# Kind and name of a file -> a text that is another one when the file is.
Stamp = Callable[[str, str], str]
# The part of a key that is no input. No input can be called so: names are not empty.
SALT = ""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a job so far; ``add`` is their only change.

    Attributes:
        nodes: key by node id.
        slots: the keys of the output slots by node id.
        parts: by node id, what each input contributed: ``=`` and a constant, or ``>`` and the key
            of what is linked. From these it can be said why a node ran again.
    """

    nodes: dict[str, Key] = field(default_factory=dict)
    slots: dict[str, tuple[Key, ...]] = field(default_factory=dict)
    parts: dict[str, Mapping[str, str]] = field(default_factory=dict)
    _read: dict[str, Node] = field(default_factory=dict)

    def add(
        self,
        nodes: Iterable[Node],
        catalogue: Catalogue,
        stamp: Stamp,
        salts: Mapping[str, str] = MappingProxyType({}),
        before: "Keys | None" = None,
    ) -> None:
        """Compute the keys of ``nodes``, each after those that feed it (``Graph.needed``).

        Args:
            stamp: tells one state of a file from another, by its kind and name.
            salts: adds to a node's key what only its own code knows (``fingerprints.py``).
            before: keys of an earlier graph. A node that is the same object as there, and fed by
                such nodes only, has the same keys, unless it reads files or has a salt.
        """
        nodes = list(nodes)
        fresh = {node.id for node in nodes}
        if before is not None:
            fresh = self._take(nodes, before, catalogue, salts)
        moved: set[str] = set()  # nodes whose keys are not those that they had before
        for node in nodes:
            node_id = node.id
            if node_id not in fresh and moved.isdisjoint(node.sources):
                continue
            self._add(node, catalogue[node.class_type], stamp, salts.get(node_id))
            if before is None or before.slots.get(node_id) != self.slots[node_id]:
                moved.add(node_id)

    def _take(
        self, nodes: list[Node], before: "Keys", catalogue: Catalogue, salts: Mapping[str, str]
    ) -> set[str]:
        """Take over the keys that nodes had before; the nodes whose own part may be another one."""
        known, parts, steady = before._read, before.parts, catalogue.steady
        fresh = {
            node.id
            for node in nodes
            if known.get(node.id) is not node
            or node.class_type not in steady
            or node.id in salts
            or SALT in parts[node.id]
        }
        if known.keys() == {node.id for node in nodes}:
            self.nodes.update(before.nodes)
            self.slots.update(before.slots)
            self.parts.update(before.parts)
            self._read.update(known)
            return fresh
        for node in nodes:
            if node.id not in fresh:
                self.nodes[node.id] = before.nodes[node.id]
                self.slots[node.id] = before.slots[node.id]
                self.parts[node.id] = before.parts[node.id]
                self._read[node.id] = node
        return fresh

    def _add(self, node: Node, spec: NodeSpec, stamp: Stamp, salt: str | None) -> None:
        self._read[node.id] = node
        parts = {name: _part(self, spec, name, value, stamp) for name, value in _used(node, spec)}
        if salt is not None:
            parts[SALT] = salt
        self.parts[node.id] = parts
        key = self.nodes[node.id] = _digest(spec, "", parts)
        self.slots[node.id] = tuple(
            [_slot_key(self, node, spec, slot, parts, key) for slot in range(len(spec.outputs))]
        )

    def of_link(self, link: Link) -> Key:
        """The key of what comes along a link."""
        slots = self.slots.get(link.node, ())
        if 0 <= link.slot < len(slots):
            return slots[link.slot]
        # A slot that the class does not declare, as wildcard classes have, or a loop of links
        # inside an expansion, which the executor reports.
        return f"{self.nodes.get(link.node, '?')}/{link.slot}"


def _used(node: Node, spec: NodeSpec) -> list[tuple[str, Any]]:
    known = {item.name for item in declared(spec, node.inputs)}
    return sorted(
        (name, value)
        for name, value in node.inputs.items()
        if name in known
        or spec.undeclared == "all"
        or (spec.undeclared == "links" and isinstance(value, Link))
    )


def _part(keys: Keys, spec: NodeSpec, name: str, value: Any, stamp: Stamp) -> str:
    """What one input contributes: its source's key, or its constant and the file that names."""
    item = spec.input(name)
    if isinstance(value, Link):
        if item is not None and item.raw_link:  # the node sees the id, too
            return f">{keys.of_link(value)} {value.node}"
        return ">" + keys.of_link(value)
    try:
        text = json.dumps(value, sort_keys=True)
    except (TypeError, ValueError):
        # An expansion may hand its nodes anything. What cannot be compared is never the same.
        return f"={type(value).__name__} {uuid.uuid4().hex}"
    if item is None or item.folder is None or value in item.choices:
        return "=" + text
    return f"={text}{stamp(item.folder, str(value))}"


def _slot_key(
    keys: Keys, node: Node, spec: NodeSpec, slot: int, parts: Mapping[str, str], node_key: Key
) -> Key:
    passing = spec.passthrough.get(slot)
    if passing is not None and node.inputs.get(passing.switch) == 0:
        source = node.inputs.get(passing.source)
        if isinstance(source, Link):
            return keys.of_link(source)
    names = spec.depends.get(slot)
    if names is None:
        return f"{node_key}/{slot}"
    used = (*names, SALT)
    return _digest(spec, f"/{slot}", {name: parts[name] for name in used if name in parts})


def _digest(spec: NodeSpec, suffix: str, parts: Mapping[str, str]) -> Key:
    text = json.dumps([spec.class_type, spec.version, suffix, list(parts.items())])
    return blake2b(text.encode(), digest_size=16).hexdigest()

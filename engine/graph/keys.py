"""Keys of results: what a node computes, as a digest of everything that it depends on.

One pass in the order of the flow, so a graph costs O(nodes + links). Ids, titles and the order of
nodes never matter: two equal nodes have one key. A key exists for each node, and for each of its
outputs; an output's key leaves out the inputs that it does not depend on, and is the key of an
input that passes through untouched. So a LoRA strength for the model does not touch the text
encoder, and a strength of zero is no LoRA at all.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from engine.files.confine import PathRefused
from engine.files.folders import FileMissing, Folders
from engine.graph.catalogue import Catalogue
from engine.graph.graph import Graph, Link, Node
from engine.graph.spec import NodeSpec

Key = str


@dataclass(frozen=True, slots=True)
class Keys:
    """``nodes``: key by node id; ``slots``: key by (node id, output slot)."""

    nodes: Mapping[str, Key]
    slots: Mapping[tuple[str, int], Key]


def keys(graph: Graph, order: Iterable[str], catalogue: Catalogue, folders: Folders) -> Keys:
    """The keys of the nodes in ``order`` (sources before consumers, as ``Graph.needed`` gives)."""
    nodes: dict[str, Key] = {}
    slots: dict[tuple[str, int], Key] = {}
    for node_id in order:
        node = graph.nodes[node_id]
        spec = catalogue[node.class_type]
        parts = {
            name: _part(spec, name, value, slots, folders) for name, value in _used(node, spec)
        }
        nodes[node_id] = _digest(spec, "", parts)
        for slot in range(len(spec.outputs)):
            slots[node_id, slot] = _slot_key(node, spec, slot, parts, slots, nodes[node_id])
    return Keys(nodes, slots)


def _used(node: Node, spec: NodeSpec) -> list[tuple[str, Any]]:
    declared = {item.name for item in spec.inputs}
    return sorted((n, v) for n, v in node.inputs.items() if n in declared)


def _part(
    spec: NodeSpec,
    name: str,
    value: Any,
    slots: Mapping[tuple[str, int], Key],
    folders: Folders,
) -> str:
    """What one input contributes: its source's key, or its constant and the file that names."""
    if isinstance(value, Link):
        return ">" + slots[value.node, value.slot]
    item = spec.input(name)
    text = json.dumps(value, sort_keys=True)
    if item is None or item.folder is None or value in item.choices:
        return "=" + text
    return "=" + text + _stamp(item.folder, str(value), folders)


def _stamp(kind: str, name: str, folders: Folders) -> str:
    """Size and time of the file: a file replaced under the same name is another file."""
    try:
        state = folders.find(kind, name).stat()
    except (PathRefused, FileMissing, OSError):
        return "?"  # running the node says what is wrong with the file
    return f"@{state.st_size}:{state.st_mtime_ns}"


def _slot_key(
    node: Node,
    spec: NodeSpec,
    slot: int,
    parts: Mapping[str, str],
    slots: Mapping[tuple[str, int], Key],
    node_key: Key,
) -> Key:
    passing = spec.passthrough.get(slot)
    if passing is not None and node.inputs.get(passing.switch) == 0:
        source = node.inputs.get(passing.source)
        if isinstance(source, Link):
            return slots[source.node, source.slot]
    names = spec.depends.get(slot)
    if names is None:
        return f"{node_key}/{slot}"
    return _digest(spec, f"/{slot}", {name: parts[name] for name in names if name in parts})


def _digest(spec: NodeSpec, suffix: str, parts: Mapping[str, str]) -> Key:
    text = json.dumps([spec.class_type, spec.version, suffix, list(parts.items())])
    return blake2b(text.encode(), digest_size=16).hexdigest()

"""A graph of nodes: the one value that every format is read into and written from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Link:
    """Output ``slot`` of node ``node``."""

    node: str
    slot: int


@dataclass(frozen=True, slots=True)
class Node:
    """One node: its class and, by input name, constants and links.

    A constant that is a list is held as a tuple; a bare list is a malformed link.

    Attributes:
        sources: the ids of the nodes that links come from, in the order of the inputs.
    """

    id: str
    class_type: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    sources: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Walks over large graphs ask for little else, so it is worked out once.
        found = tuple([value.node for value in self.inputs.values() if type(value) is Link])
        object.__setattr__(self, "sources", found)

    def links(self) -> Iterable[tuple[str, Link]]:
        return ((name, value) for name, value in self.inputs.items() if isinstance(value, Link))


@dataclass(frozen=True, slots=True)
class Graph:
    nodes: Mapping[str, Node]

    def __len__(self) -> int:
        return len(self.nodes)

    def changes(self, before: "Graph") -> list[Node] | None:
        """The nodes that are other objects than those of ``before``; None if any came or went, or
        their order is another one.
        """
        old = before.nodes
        if self.nodes is old:
            return []
        if list(self.nodes) != list(old):
            return None
        return [node for node_id, node in self.nodes.items() if old[node_id] is not node]

    def needed(self, targets: Iterable[str]) -> list[str]:
        """The targets and all they need, every node after those that feed it.

        Links to absent nodes are passed over. In a graph with a cycle the order inside the cycle
        means nothing; ``cycle`` finds it.
        """
        nodes = self.nodes
        order: dict[str, None] = {}
        begun: set[str] = set()
        for target in targets:
            stack = [target]
            while stack:
                node_id = stack[-1]
                if node_id not in begun and node_id in nodes:
                    begun.add(node_id)
                    first = [i for i in nodes[node_id].sources if i not in begun]
                    if first:
                        stack += first
                        continue
                stack.pop()
                if node_id in begun:
                    order[node_id] = None
        return list(order)

    def cycle(self, targets: Iterable[str]) -> tuple[str, ...]:
        """A cycle that the targets depend on, first node first, or ``()``."""
        done: set[str] = set()
        for target in targets:
            path: dict[str, None] = {}
            stack = [(target, False)]
            while stack:
                node_id, finished = stack.pop()
                if finished:
                    path.popitem()
                    done.add(node_id)
                    continue
                if node_id in path:
                    # Walked along links, from consumer to source: turned into the flow's direction.
                    loop = list(path)[list(path).index(node_id) :]
                    return tuple(reversed(loop))
                if node_id in done or node_id not in self.nodes:
                    continue
                path[node_id] = None
                stack.append((node_id, True))
                stack += [(source, False) for source in self.nodes[node_id].sources]
        return ()

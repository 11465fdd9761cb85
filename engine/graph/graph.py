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
    """

    id: str
    class_type: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""

    def links(self) -> Iterable[tuple[str, Link]]:
        return ((name, value) for name, value in self.inputs.items() if isinstance(value, Link))


@dataclass(frozen=True, slots=True)
class Graph:
    nodes: Mapping[str, Node]

    def __len__(self) -> int:
        return len(self.nodes)

    def needed(self, targets: Iterable[str]) -> list[str]:
        """The targets and all they need, every node after those that feed it.

        Links to absent nodes are passed over. In a graph with a cycle the order inside the cycle
        means nothing; ``cycle`` finds it.
        """
        order: list[str] = []
        seen: set[str] = set()
        for target in targets:
            stack = [(target, False)]
            while stack:
                node_id, finished = stack.pop()
                if finished:
                    order.append(node_id)
                    continue
                if node_id in seen or node_id not in self.nodes:
                    continue
                seen.add(node_id)
                stack.append((node_id, True))
                stack += [(link.node, False) for _, link in self.nodes[node_id].links()]
        return order

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
                stack += [(link.node, False) for _, link in self.nodes[node_id].links()]
        return ()

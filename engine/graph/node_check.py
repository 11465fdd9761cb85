"""Checking one node against its class: what is missing, linked wrongly, or no such value."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engine.files.folders import Folders
from engine.graph import problems
from engine.graph.catalogue import Catalogue
from engine.graph.convert import convert
from engine.graph.dynamic import declared, is_dynamic, strangers
from engine.graph.graph import Graph, Link, Node
from engine.graph.problems import Problem
from engine.graph.spec import InputSpec, NodeSpec
from engine.graph.types import ANY, plugs

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class _Class:
    """A class, and what has been found out about it.

    ``fitting``: (input, class of the source, slot) of links that are known to be right. A large
    graph has few kinds of links.
    """

    spec: NodeSpec
    dynamic: bool
    fitting: set[tuple[str, str, int]] = field(default_factory=set)


class NodeChecker:
    """Checks the nodes of one graph."""

    def __init__(self, graph: Graph, catalogue: Catalogue, folders: Folders) -> None:
        self._nodes = graph.nodes
        self._catalogue = catalogue
        self._folders = folders
        self._classes: dict[str, _Class] = {}

    def check(self, node: Node) -> tuple[Node, list[Problem]]:
        """The node with its constants converted and its class's own name, and its problems."""
        known = self._class(node.class_type)
        spec, inputs = known.spec, node.inputs
        items = declared(spec, inputs) if known.dynamic else spec.inputs
        found: list[Problem] = []
        changed: dict[str, Any] = {}
        for item in items:
            value = inputs.get(item.name, _ABSENT)
            problem: Problem | None = None
            if isinstance(value, Link):
                problem = self._check_link(known, item, value, types=not spec.validates_types)
            elif value is _ABSENT:
                problem = problems.required_input_missing(item) if item.required else None
            elif isinstance(value, list):
                problem = problems.bad_linked_input(item, value[:20])
            else:
                limits = not checks_itself(spec, item.name)
                converted, problem = convert(item, value, self._folders, limits=limits)
                if converted is not value:
                    changed[item.name] = converted
            if problem is not None:
                found.append(problem)
        if known.dynamic:
            bad = strangers(spec, inputs)
            found += [problems.invalid_dynamic_input(item, name) for item, name in bad]
        if spec.undeclared != "drop":
            found += self._check_undeclared(known, node.inputs, items)
        return _converted(node, spec, changed), found

    def _class(self, class_type: str) -> _Class:
        known = self._classes.get(class_type)
        if known is None:
            spec = self._catalogue[class_type]
            known = self._classes[class_type] = _Class(spec, is_dynamic(spec))
        return known

    def _check_undeclared(
        self, known: _Class, inputs: Mapping[str, Any], items: tuple[InputSpec, ...]
    ) -> list[Problem]:
        """Links that reach the node although its class does not declare them lead somewhere."""
        names = {item.name for item in items}
        checked = [
            self._check_link(known, InputSpec(name, ANY), value, types=False)
            for name, value in inputs.items()
            if isinstance(value, Link) and name not in names
        ]
        return [problem for problem in checked if problem is not None]

    def _check_link(
        self, known: _Class, item: InputSpec, link: Link, *, types: bool
    ) -> Problem | None:
        node = self._nodes.get(link.node)
        if node is None:
            why = f"node '{link.node}' is not in the prompt"
            return problems.link_to_nowhere(item, [link.node, link.slot], why)
        kind = (item.name, node.class_type, link.slot)
        if kind in known.fitting:
            return None
        source = self._class(node.class_type).spec
        output = source.output(link.slot)
        if output is None:
            why = f"node '{link.node}' ({source.class_type}) has {len(source.outputs)} outputs, "
            why += f"so there is no output {link.slot}"
            return problems.link_to_nowhere(item, [link.node, link.slot], why)
        if types and not plugs(output, item):
            return problems.return_type_mismatch(item, output.type, [link.node, link.slot])
        # What a dynamic input is may differ from node to node.
        if not known.dynamic:
            known.fitting.add(kind)
        return None


def checks_itself(spec: NodeSpec, name: str) -> bool:
    """Whether the class looks itself at the input ``name`` (VALIDATE_INPUTS)."""
    return bool(spec.validates) and (name in spec.validates or "*" in spec.validates)


def _converted(node: Node, spec: NodeSpec, changed: Mapping[str, Any]) -> Node:
    """Most nodes stay as they are."""
    if not changed and node.class_type == spec.class_type:
        return node
    return replace(node, class_type=spec.class_type, inputs={**node.inputs, **changed})

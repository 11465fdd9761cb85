"""What a node is, as data: its inputs, outputs and how it wants to be run.

A ``NodeSpec`` says everything about a node class but how to compute it. Specs travel as JSON from
the worker, which has the node functions, to the server, which has no torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Lane = Literal["device", "cpu", "loop"]


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input: a socket, or a widget that may also be linked.

    Attributes:
        type: a socket type (``MODEL``), a union (``IMAGE,MASK``), ``*``, or a widget type.
        options: what a client may want to know: ``default``, ``min``, ``max``, ``multiline`` ...
        choices: the values a COMBO offers, before those of its folder.
        folder: the kind of file whose names a COMBO offers (``loras``), read when asked for.
    """

    name: str
    type: str
    required: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)
    choices: tuple[str, ...] = ()
    folder: str | None = None

    @property
    def is_combo(self) -> bool:
        return self.type == "COMBO"


@dataclass(frozen=True, slots=True)
class OutputSpec:
    type: str
    name: str
    is_list: bool = False


@dataclass(frozen=True, slots=True)
class Passthrough:
    """Output equals the value of ``source`` unchanged while the constant ``switch`` is zero."""

    switch: str
    source: str


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """A node class.

    Attributes:
        version: part of every key; raised when the node starts to compute something else.
        lane: ``device`` (one at a time per device), ``cpu`` (in parallel) or ``loop`` (async).
        depends: for an output slot, the inputs it depends on, when these are not all of them. A
            change of another input then leaves the cached consumers of the slot alone.
        passthrough: for an output slot, when it is one of the inputs untouched.
        hidden: what the client shows as hidden inputs (``{"prompt": "PROMPT"}``).
        aliases: other class names under which workflows may call this node.
    """

    class_type: str
    display_name: str
    category: str
    inputs: tuple[InputSpec, ...] = ()
    outputs: tuple[OutputSpec, ...] = ()
    description: str = ""
    is_output: bool = False
    lane: Lane = "cpu"
    version: int = 1
    module: str = "nodes"
    aliases: tuple[str, ...] = ()
    hidden: Mapping[str, str] = field(default_factory=dict)
    depends: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    passthrough: Mapping[int, Passthrough] = field(default_factory=dict)

    def input(self, name: str) -> InputSpec | None:
        return next((i for i in self.inputs if i.name == name), None)

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which ``from_json`` makes an equal spec."""
        return {
            "class_type": self.class_type,
            "display_name": self.display_name,
            "category": self.category,
            "inputs": [
                [i.name, i.type, i.required, dict(i.options), list(i.choices), i.folder]
                for i in self.inputs
            ],
            "outputs": [[o.type, o.name, o.is_list] for o in self.outputs],
            "description": self.description,
            "is_output": self.is_output,
            "lane": self.lane,
            "version": self.version,
            "module": self.module,
            "aliases": list(self.aliases),
            "hidden": dict(self.hidden),
            "depends": [[slot, list(names)] for slot, names in self.depends.items()],
            "passthrough": [[slot, p.switch, p.source] for slot, p in self.passthrough.items()],
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "NodeSpec":
        """The inverse of ``to_json``. Raises KeyError, TypeError or ValueError on other data."""
        return NodeSpec(
            class_type=data["class_type"],
            display_name=data["display_name"],
            category=data["category"],
            inputs=tuple(
                InputSpec(name, type_, required, options, tuple(choices), folder)
                for name, type_, required, options, choices, folder in data["inputs"]
            ),
            outputs=tuple(OutputSpec(*output) for output in data["outputs"]),
            description=data["description"],
            is_output=data["is_output"],
            lane=data["lane"],
            version=data["version"],
            module=data["module"],
            aliases=tuple(data["aliases"]),
            hidden=data["hidden"],
            depends={slot: tuple(names) for slot, names in data["depends"]},
            passthrough={
                s: Passthrough(switch, source) for s, switch, source in data["passthrough"]
            },
        )

"""What a node is, as data: its inputs, outputs and how it wants to be run.

A ``NodeSpec`` says everything about a node class but how to compute it. Specs travel as JSON from
the worker, which has the node functions, to the server, which has no torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Lane = Literal["device", "cpu", "loop"]
Undeclared = Literal["drop", "links", "all"]


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input: a socket, or a widget that may also be linked.

    Attributes:
        type: a socket type (``MODEL``), a union (``IMAGE,MASK``), ``*``, or a widget type.
        options: what a client may want to know: ``default``, ``min``, ``max``, ``multiline`` ...
        choices: the values a COMBO offers, before those of its folder: texts, and in old packs
            also numbers.
        folder: the kind of file whose names a COMBO offers (``loras``), read when asked for.
        unlisted: what this COMBO offers only the client knows, so any value will do.
    """

    name: str
    type: str
    required: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)
    choices: tuple[Any, ...] = ()
    folder: str | None = None
    unlisted: bool = False

    @property
    def is_combo(self) -> bool:
        return self.type == "COMBO"

    @property
    def lazy(self) -> bool:
        """Whether its link is evaluated only when the node asks for it."""
        return bool(self.options.get("lazy"))

    @property
    def raw_link(self) -> bool:
        """Whether the node gets the link itself, ``[id, slot]``, and not its value."""
        return bool(self.options.get("rawLink"))


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """One output. ``choices``: it gives one of these, for a COMBO that offers the same."""

    type: str
    name: str
    is_list: bool = False
    choices: tuple[Any, ...] = ()


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
        input_is_list: one call takes whole lists, instead of one call for each element.
        not_idempotent: two equal nodes are not one; the id is part of the key.
        undeclared: which inputs that are not declared reach the node: none, links, or all.
        validates: the inputs that the node checks itself (``("*",)``: all), which only a worker
            can do; ``validates_types``: it also checks what is linked to it.
        light: costs milliseconds and has no effect but its result: a dry run may run it.
        loop: "start" or "end" of a loop's body.
        further: what every output beyond the declared ones is, for classes that have any number.
        changing: what the class says of itself may be different at the next question.
        info: further keys for ``/object_info`` (``deprecated``, ``output_tooltips``, ...).
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
    input_is_list: bool = False
    not_idempotent: bool = False
    undeclared: Undeclared = "drop"
    validates: tuple[str, ...] = ()
    validates_types: bool = False
    light: bool = False
    loop: Literal["", "start", "end"] = ""
    further: OutputSpec | None = None
    changing: bool = False
    info: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reads_files(self) -> bool:
        """Whether a constant of it names a file, whose contents may change."""
        return any(item.folder is not None for item in self.inputs)

    @property
    def sees_links(self) -> bool:
        """Whether a node is given ids of other nodes, to which an expansion of it may link."""
        return (
            bool(self.loop)
            or self.undeclared == "links"
            or "DYNPROMPT" in self.hidden.values()
            or any(item.raw_link for item in self.inputs)
        )

    def input(self, name: str) -> InputSpec | None:
        return next((i for i in self.inputs if i.name == name), None)

    def output(self, slot: int) -> OutputSpec | None:
        """The output ``slot``, or None if there is none."""
        if slot < 0:
            return None
        return self.outputs[slot] if slot < len(self.outputs) else self.further

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which ``from_json`` makes an equal spec."""
        return {
            "class_type": self.class_type,
            "display_name": self.display_name,
            "category": self.category,
            "inputs": [
                [i.name, i.type, i.required, dict(i.options), list(i.choices), i.folder, i.unlisted]
                for i in self.inputs
            ],
            "outputs": [_output_to_json(output) for output in self.outputs],
            "description": self.description,
            "is_output": self.is_output,
            "lane": self.lane,
            "version": self.version,
            "module": self.module,
            "aliases": list(self.aliases),
            "hidden": dict(self.hidden),
            "depends": [[slot, list(names)] for slot, names in self.depends.items()],
            "passthrough": [[slot, p.switch, p.source] for slot, p in self.passthrough.items()],
            "input_is_list": self.input_is_list,
            "not_idempotent": self.not_idempotent,
            "undeclared": self.undeclared,
            "validates": list(self.validates),
            "validates_types": self.validates_types,
            "light": self.light,
            "loop": self.loop,
            "further": None if self.further is None else _output_to_json(self.further),
            "changing": self.changing,
            "info": dict(self.info),
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "NodeSpec":
        """The inverse of ``to_json``. Raises KeyError, TypeError or ValueError on other data."""
        return NodeSpec(
            class_type=data["class_type"],
            display_name=data["display_name"],
            category=data["category"],
            inputs=tuple(
                InputSpec(name, type_, required, options, tuple(choices), folder, unlisted)
                for name, type_, required, options, choices, folder, unlisted in data["inputs"]
            ),
            outputs=tuple(_output_from_json(output) for output in data["outputs"]),
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
            input_is_list=data["input_is_list"],
            not_idempotent=data["not_idempotent"],
            undeclared=data["undeclared"],
            validates=tuple(data["validates"]),
            validates_types=data["validates_types"],
            light=data["light"],
            loop=data["loop"],
            further=None if data["further"] is None else _output_from_json(data["further"]),
            changing=data["changing"],
            info=data["info"],
        )


def _output_to_json(output: OutputSpec) -> list[Any]:
    return [output.type, output.name, output.is_list, list(output.choices)]


def _output_from_json(data: list[Any]) -> OutputSpec:
    type_, name, is_list, choices = data
    return OutputSpec(type_, name, is_list, tuple(choices))

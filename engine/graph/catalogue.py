"""All node classes an installation knows, as data, and what ``/object_info`` says of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from engine.graph.spec import InputSpec, NodeSpec

# Names of files of a kind, read from disk when asked for (``Folders.names``).
Names = Callable[[str], tuple[str, ...]]


class Catalogue(Mapping[str, NodeSpec]):
    """Class name (or alias) to ``NodeSpec``; iterates over the class names in their order.

    Attributes, all with aliases:
        names: what nodes may be called.
        outputs: those that are outputs.
        loops: "start" or "end" for those that bound a loop.
        linking: those that see links or the prompt, so that they may link to any of its nodes.
        changing: those that may have something else to say of themselves by now.
        steady: those whose check depends on nothing but the prompt: no files, no changing lists.
    """

    def __init__(self, specs: Iterable[NodeSpec]) -> None:
        self._specs = {spec.class_type: spec for spec in specs}
        aliases = {alias: spec for spec in self._specs.values() for alias in spec.aliases}
        self._known = {**aliases, **self._specs}
        self.names = frozenset(self._known)
        self.outputs = frozenset(name for name, spec in self._known.items() if spec.is_output)
        self.changing = frozenset(name for name, spec in self._known.items() if spec.changing)
        self.steady = frozenset(
            name for name, s in self._known.items() if not (s.reads_files or s.changing)
        )
        self.linking = frozenset(name for name, s in self._known.items() if s.sees_links)
        self.loops = {name: spec.loop for name, spec in self._known.items() if spec.loop}

    def __getitem__(self, class_type: str) -> NodeSpec:
        return self._known[class_type]

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)

    def refreshed(self, said: Iterable[NodeSpec]) -> "Catalogue":
        """This catalogue with what its changing classes say now: itself, if they say the same.

        A class that says nothing is left out: it cannot describe itself at the moment.
        """
        fresh = {spec.class_type: spec for spec in said}
        mine = [fresh.pop(n, None) if s.changing else s for n, s in self._specs.items()]
        specs = [*(spec for spec in mine if spec is not None), *fresh.values()]
        return self if specs == list(self._specs.values()) else Catalogue(specs)

    def to_json(self) -> list[dict[str, Any]]:
        return [spec.to_json() for spec in self._specs.values()]

    @staticmethod
    def from_json(data: Iterable[Mapping[str, Any]]) -> "Catalogue":
        return Catalogue(NodeSpec.from_json(item) for item in data)


def choices(spec: InputSpec, names: Names) -> tuple[Any, ...]:
    """What a COMBO offers now: its own values and the files of its folder."""
    return spec.choices if spec.folder is None else (*names(spec.folder), *spec.choices)


def object_info(spec: NodeSpec, names: Names) -> dict[str, Any]:
    """The description of one class that ``GET /object_info`` gives to clients."""
    sections: dict[str, dict[str, Any]] = {"required": {}}
    for item in spec.inputs:
        section = "required" if item.required else "optional"
        type_ = list(choices(item, names)) if item.is_combo else item.type
        sections.setdefault(section, {})[item.name] = [type_, dict(item.options)]
    if spec.hidden:
        sections["hidden"] = dict(spec.hidden)
    described = {
        "input": sections,
        "input_order": {section: list(items) for section, items in sections.items()},
        "output": [list(output.choices) or output.type for output in spec.outputs],
        "output_is_list": [output.is_list for output in spec.outputs],
        "output_name": [output.name for output in spec.outputs],
        "name": spec.class_type,
        "display_name": spec.display_name,
        "description": spec.description,
        "python_module": spec.module,
        "category": spec.category,
        "output_node": spec.is_output,
    }
    return {**described, **spec.info}

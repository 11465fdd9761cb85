"""All node classes an installation knows, as data, and what ``/object_info`` says of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from engine.graph.spec import InputSpec, NodeSpec

# Names of files of a kind, read from disk when asked for (``Folders.names``).
Names = Callable[[str], tuple[str, ...]]


class Catalogue(Mapping[str, NodeSpec]):
    """Class name (or alias) to ``NodeSpec``; iterates over the class names in their order."""

    def __init__(self, specs: Iterable[NodeSpec]) -> None:
        self._specs = {spec.class_type: spec for spec in specs}
        self._aliases = {
            alias: spec
            for spec in self._specs.values()
            for alias in spec.aliases
            if alias not in self._specs
        }

    def __getitem__(self, class_type: str) -> NodeSpec:
        return self._specs.get(class_type) or self._aliases[class_type]

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)

    def to_json(self) -> list[dict[str, Any]]:
        return [spec.to_json() for spec in self._specs.values()]

    @staticmethod
    def from_json(data: Iterable[Mapping[str, Any]]) -> "Catalogue":
        return Catalogue(NodeSpec.from_json(item) for item in data)


def choices(spec: InputSpec, names: Names) -> tuple[str, ...]:
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
    return {
        "input": sections,
        "input_order": {section: list(items) for section, items in sections.items()},
        "output": [output.type for output in spec.outputs],
        "output_is_list": [output.is_list for output in spec.outputs],
        "output_name": [output.name for output in spec.outputs],
        "name": spec.class_type,
        "display_name": spec.display_name,
        "description": spec.description,
        "python_module": spec.module,
        "category": spec.category,
        "output_node": spec.is_output,
    }

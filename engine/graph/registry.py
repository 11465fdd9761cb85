"""The node classes a worker can run. Filled once at start, read-only afterwards."""

from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType

from engine.graph.catalogue import Catalogue
from engine.graph.native import Definition, definitions


class Registry(Mapping[str, Definition]):
    """Class name (or alias) to ``Definition``. The first definition of a class stays."""

    def __init__(self, found: Iterable[Definition]) -> None:
        self._definitions: dict[str, Definition] = {}
        for definition in found:
            self._definitions.setdefault(definition.spec.class_type, definition)
        self.catalogue = Catalogue(d.spec for d in self._definitions.values())

    @staticmethod
    def of_modules(modules: Iterable[ModuleType]) -> "Registry":
        return Registry(found for module in modules for found in definitions(module))

    def __getitem__(self, class_type: str) -> Definition:
        return self._definitions[self.catalogue[class_type].class_type]

    def __iter__(self) -> Iterator[str]:
        return iter(self._definitions)

    def __len__(self) -> int:
        return len(self._definitions)

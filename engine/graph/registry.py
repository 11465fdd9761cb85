"""The node classes a worker can run. Filled once at start, read-only afterwards."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType

from engine.graph.catalogue import Catalogue
from engine.graph.definition import Definition
from engine.graph.native import definitions
from engine.graph.spec import NodeSpec

_log = logging.getLogger(__name__)


class Registry(Mapping[str, Definition]):
    """Class name (or alias) to ``Definition``. The first definition of a class stays."""

    def __init__(self, found: Iterable[Definition]) -> None:
        self._definitions: dict[str, Definition] = {}
        for definition in found:
            self._definitions.setdefault(definition.spec.class_type, definition)
        self.catalogue = Catalogue(d.spec for d in self._definitions.values())
        # Names (aliases, too) of classes whose keys hold more than their inputs: few among many.
        self.salted = frozenset(name for name in self.catalogue.names if _has_salt(self[name]))

    @staticmethod
    def of_modules(modules: Iterable[ModuleType]) -> "Registry":
        return Registry(found for module in modules for found in definitions(module))

    def refreshed(self) -> Catalogue:
        """The catalogue as the classes describe themselves now: their lists of files may differ.

        A class that cannot say what it is at the moment is left out.
        """
        return Catalogue(spec for d in self._definitions.values() for spec in _described(d))

    def __getitem__(self, class_type: str) -> Definition:
        return self._definitions[self.catalogue[class_type].class_type]

    def __iter__(self) -> Iterator[str]:
        return iter(self._definitions)

    def __len__(self) -> int:
        return len(self._definitions)


def _has_salt(definition: Definition) -> bool:
    return definition.fingerprint is not None or definition.spec.not_idempotent


def _described(definition: Definition) -> Iterator[NodeSpec]:
    try:
        yield definition.spec if definition.refreshed is None else definition.refreshed()
    except (Exception, SystemExit):  # noqa: BLE001 - a pack's own code
        _log.exception("The node %s cannot say what it is now.", definition.spec.class_type)

"""The top-level names that packs import, led to the modules here.

``import comfy_execution.graph`` gives the module ``engine.compat.comfy_execution.graph``: one
module under two names. What is not here is refused with its name, so a pack that needs it fails
alone and readably.
"""

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

RESERVED = ("comfy", "comfy_api", "comfy_execution")
_ROOM = "engine.compat"


def install() -> None:
    """Let the reserved names be imported from now on. Calling it again changes nothing."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the interface of the import system
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in RESERVED:
            return None
        real = f"{_ROOM}.{fullname}"
        found = importlib.util.find_spec(real)
        if found is None:
            raise ModuleNotFoundError(
                f"'{fullname}' is not provided here: this engine has only part of what packs can "
                "import from ComfyUI.",
                name=fullname,
            )
        package = found.submodule_search_locations is not None
        return ModuleSpec(fullname, _Alias(real), is_package=package)


class _Alias(Loader):
    """Gives a module that exists under another name, as it is."""

    def __init__(self, real: str) -> None:
        self._real = real
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:  # noqa: ARG002 - the interface
        module = importlib.import_module(self._real)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has put the alias's spec there; the module is the real one's.
        module.__spec__ = self._spec

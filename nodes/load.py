"""Which nodes a worker has: the built-in shelves and the packs in ``custom_nodes``."""

import importlib
import importlib.util
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from engine.compat import importing
from engine.compat.packs import definitions_of
from engine.graph.definition import Definition
from engine.graph.native import definitions
from engine.graph.registry import Registry
from nodes import (
    conditioning,
    control,
    custom_sampling,
    guidance,
    guiders,
    hooks,
    image,
    inpaint,
    latent,
    latent_batch,
    latent_operations,
    loaders,
    loop,
    lora,
    model_sampling,
    properties,
    samplers,
    sampling,
    sigmas,
    text,
)

_SHELVES = (
    loaders,
    lora,
    text,
    conditioning,
    control,
    inpaint,
    latent,
    latent_batch,
    latent_operations,
    sampling,
    custom_sampling,
    guiders,
    guidance,
    hooks,
    properties,
    samplers,
    sigmas,
    model_sampling,
    image,
    loop,
)
_log = logging.getLogger(__name__)


def load_registry(custom_nodes: Path) -> Registry:
    """All nodes. A pack that cannot be imported is named in the log; the others load.

    Built-in classes come first, so a pack cannot replace one.
    """
    importing.install()
    built_in = [found for shelf in _SHELVES for found in definitions(shelf)]
    return Registry([*built_in, *_packs(custom_nodes)])


def _packs(folder: Path) -> Iterator[Definition]:
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        source = path / "__init__.py" if path.is_dir() else path
        if path.name.startswith((".", "__")) or path.name.endswith(".disabled"):
            continue
        if source.suffix == ".py" and source.is_file():
            try:
                found = definitions_of(_import(f"custom_nodes.{path.stem}", source))
            except (Exception, SystemExit):  # noqa: BLE001 - packs may raise anything
                _log.exception("IMPORT FAILED: the pack %s was left out", path)
            else:
                yield from found


def _import(name: str, source: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, source)
    if spec is None or spec.loader is None:
        raise ImportError(f"{source} is not a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module

"""The node classes of a pack's module, whichever way they are written."""

import asyncio
import inspect
import logging
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import ModuleType
from typing import Any

from engine.compat import v1
from engine.compat.v3 import adapter as v3
from engine.compat.v3.schema import ComfyExtension, ComfyNode
from engine.graph import native
from engine.graph.definition import Definition

_log = logging.getLogger(__name__)


def definitions_of(module: ModuleType) -> list[Definition]:
    """What ``module`` defines: native functions, and V1 classes or else a V3 extension.

    A class that cannot say what it is is left out, and the log says so.

    Raises:
        TypeError: the module has no nodes, or its entry point is none. Its entry point may raise
            anything.
    """
    found = list(native.definitions(module))
    classes = getattr(module, "NODE_CLASS_MAPPINGS", None)
    if classes is not None:
        return [*found, *_mapped(module, classes)]
    if hasattr(module, "comfy_entrypoint"):
        return [*found, *_extension(module)]
    if not found:
        raise TypeError(
            f"{module.__name__} has no nodes: no function with @node, no NODE_CLASS_MAPPINGS and "
            "no comfy_entrypoint."
        )
    return found


def _mapped(module: ModuleType, classes: Any) -> Iterator[Definition]:
    if not isinstance(classes, Mapping):
        raise TypeError(f"NODE_CLASS_MAPPINGS of {module.__name__} must be a dictionary.")
    labels = getattr(module, "NODE_DISPLAY_NAME_MAPPINGS", None) or {}
    for class_type, cls in classes.items():
        yield from _tried(str(class_type), partial(_one, module, class_type, cls, labels))


def _one(module: ModuleType, class_type: Any, cls: type, labels: Mapping[Any, Any]) -> Definition:
    _say_where(cls, module)
    if issubclass(cls, ComfyNode):
        return v3.definition_of(cls, str(class_type))
    label = labels.get(class_type)
    return v1.definition_of(str(class_type), cls, None if label is None else str(label))


def _say_where(cls: type, module: ModuleType) -> None:
    """Packs and clients read from which pack a class comes."""
    cls.RELATIVE_PYTHON_MODULE = module.__name__  # type: ignore[attr-defined]


def _extension(module: ModuleType) -> Iterator[Definition]:
    for cls in asyncio.run(_node_list(module)):
        _say_where(cls, module)
        yield from _tried(cls.__name__, partial(v3.definition_of, cls))


async def _node_list(module: ModuleType) -> list[type[ComfyNode]]:
    made = module.comfy_entrypoint()
    extension = await made if inspect.isawaitable(made) else made
    if not isinstance(extension, ComfyExtension):
        raise TypeError(f"comfy_entrypoint of {module.__name__} must return a ComfyExtension.")
    await extension.on_load()
    classes = await extension.get_node_list()
    good = isinstance(classes, list) and all(
        isinstance(cls, type) and issubclass(cls, ComfyNode) for cls in classes
    )
    if not good:
        raise TypeError(f"get_node_list of {module.__name__} must return a list of ComfyNodes.")
    return classes


def _tried(name: str, make: Callable[[], Definition]) -> Iterator[Definition]:
    try:
        yield make()
    except (Exception, SystemExit):  # noqa: BLE001 - it may raise anything, others must load
        _log.exception("The node %s cannot say what it is, and is left out.", name)

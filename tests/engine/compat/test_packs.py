"""Which nodes a module defines, and what is said of one that defines none."""

import logging
from types import ModuleType
from typing import Any

import pytest

from engine.compat.comfy_api.latest import ComfyExtension, io
from engine.compat.packs import definitions_of
from engine.graph.registry import Registry


class Old:
    RETURN_TYPES = ()
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 - the contract's name
        return {}


class New(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema("New")


class Extension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [New]


def module(**names: Any) -> ModuleType:
    made = ModuleType("custom_nodes.toy")
    vars(made).update(names)
    return made


def names(found: ModuleType) -> list[str]:
    return [definition.spec.class_type for definition in definitions_of(found)]


def test_old_classes_win_over_an_entry_point() -> None:
    both = module(NODE_CLASS_MAPPINGS={"Old": Old}, comfy_entrypoint=Extension)
    assert names(both) == ["Old"]
    assert Old.RELATIVE_PYTHON_MODULE == "custom_nodes.toy"  # type: ignore[attr-defined]


def test_an_entry_point_may_be_a_function_or_a_coroutine_function() -> None:
    async def later() -> ComfyExtension:
        return Extension()

    assert names(module(comfy_entrypoint=Extension)) == ["New"]
    assert names(module(comfy_entrypoint=later)) == ["New"]


def test_a_new_class_among_old_ones_goes_by_the_name_it_has_there() -> None:
    assert names(module(NODE_CLASS_MAPPINGS={"Renamed": New})) == ["Renamed"]


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (module(), "has no nodes"),
        (module(NODE_CLASS_MAPPINGS=None), "has no nodes"),
        (module(NODE_CLASS_MAPPINGS=[Old]), "must be a dictionary"),
        (module(comfy_entrypoint=lambda: None), "must return a ComfyExtension"),
    ],
)
def test_a_module_without_nodes_is_refused(found: ModuleType, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        definitions_of(found)


def test_an_extension_must_list_nodes() -> None:
    class Wrong(ComfyExtension):
        async def get_node_list(self) -> Any:
            return [Old]

    with pytest.raises(TypeError, match="must return a list of ComfyNodes"):
        definitions_of(module(comfy_entrypoint=Wrong))


def test_a_class_that_fails_is_logged_and_the_others_load(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        assert names(module(NODE_CLASS_MAPPINGS={"Bad": object, "Old": Old})) == ["Old"]
    assert "Bad" in caplog.text


def test_a_class_may_say_something_else_later() -> None:
    files = ["a"]

    class Lists(Old):
        @classmethod
        def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
            return {"required": {"file": (files,)}}

    (found,) = definitions_of(module(NODE_CLASS_MAPPINGS={"Lists": Lists}))
    files.append("b")
    assert found.spec.inputs[0].choices == ("a",)
    registry = Registry([found])
    assert registry.refreshed()["Lists"].inputs[0].choices == ("a", "b")
    files.append(files)  # a list inside itself: it cannot be described
    assert list(registry.refreshed()) == []

"""A typed Python function is a node: its annotations are its sockets and widgets."""

from typing import Annotated

import pytest

from engine.graph.catalogue import Catalogue, object_info
from engine.graph.native import Range, node
from engine.graph.registry import Registry
from engine.graph.spec import NodeSpec
from tests.engine.graph import toys

REGISTRY = Registry.of_modules([toys])


def no_files(kind: str) -> tuple[str, ...]:
    return ()


def test_annotations_become_inputs_in_their_order() -> None:
    spec = REGISTRY["ToyWidgets"].spec
    assert [(i.name, i.type, i.required) for i in spec.inputs] == [
        ("count", "INT", True),
        ("ratio", "FLOAT", True),
        ("text", "STRING", True),
        ("flag", "BOOLEAN", True),
        ("colour", "COMBO", True),
        ("number", "NUMBER", False),
    ]
    assert [o.type for o in spec.outputs] == ["NUMBER", "WORD"]


def test_object_info_says_what_clients_need() -> None:
    info = object_info(REGISTRY["ToyWidgets"].spec, no_files)
    assert info["input"]["required"]["count"] == ["INT", {"default": 2, "min": 0, "max": 5}]
    assert info["input"]["required"]["text"] == ["STRING", {"multiline": True}]
    assert info["input"]["required"]["colour"] == [["red", "green"], {}]
    assert info["input_order"] == {
        "required": ["count", "ratio", "text", "flag", "colour"],
        "optional": ["number"],
    }
    assert info["output_node"] is False


def test_a_file_widget_lists_its_folder_when_asked() -> None:
    spec = REGISTRY["ToyFile"].spec
    first = object_info(spec, lambda kind: (f"{kind}/a",))
    second = object_info(spec, lambda kind: (f"{kind}/a", f"{kind}/b"))
    assert first["input"]["required"]["name"][0] == ["loras/a"]
    assert second["input"]["required"]["name"][0] == ["loras/a", "loras/b"]


def test_a_node_is_a_plain_function_that_needs_no_engine() -> None:
    assert toys.add(a=1.0, b=2.0) == 3.0


def test_the_docstring_is_the_description() -> None:
    assert REGISTRY["ToyAdd"].spec.description == "Adds two numbers."


def test_the_run_parameter_is_not_an_input() -> None:
    assert [i.name for i in REGISTRY["ToyShow"].spec.inputs] == ["value"]
    assert REGISTRY["ToyShow"].run_parameter == "run"


def test_an_alias_names_the_same_node() -> None:
    assert REGISTRY["ToyPlus"] is REGISTRY["ToyAdd"]
    assert "ToyPlus" not in list(REGISTRY)


def test_an_async_function_runs_on_the_loop() -> None:
    assert REGISTRY["ToyAwait"].spec.lane == "loop"


def test_positional_parameters_are_refused() -> None:
    with pytest.raises(TypeError, match="'a' must be keyword-only"):

        @node("Bad", category="toys")
        def bad(a: int) -> int:
            return a


def test_an_annotation_that_is_no_socket_or_widget_is_refused() -> None:
    with pytest.raises(TypeError, match="neither a socket nor a widget"):

        @node("Bad", category="toys")
        def bad(*, a: Annotated[bytes, Range(0, 1)]) -> int:
            return len(a)


@pytest.mark.parametrize("name", list(REGISTRY))
def test_specs_survive_json(name: str) -> None:
    spec = REGISTRY[name].spec
    assert NodeSpec.from_json(spec.to_json()) == spec


def test_the_catalogue_survives_json() -> None:
    there = REGISTRY.catalogue
    back = Catalogue.from_json(there.to_json())
    assert dict(back) == dict(there)
    assert back["ToyPlus"].class_type == "ToyAdd"


def test_the_first_definition_of_a_class_stays() -> None:
    mine = REGISTRY["ToyAdd"]
    other = REGISTRY["ToyFail"]
    imposter = type(mine)(mine.spec, other.function, None)
    assert Registry([mine, imposter])["ToyAdd"] is mine

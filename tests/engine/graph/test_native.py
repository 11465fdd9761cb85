"""A typed Python function is a node: its annotations are its sockets and widgets."""

from types import ModuleType
from typing import Annotated, Any

import pytest

from engine.graph.catalogue import Catalogue, object_info
from engine.graph.definition import (
    UNEVALUATED,
    Definition,
    Expansion,
    NodeError,
    NotYet,
    Returned,
)
from engine.graph.dynamic import declared as inputs_of
from engine.graph.graph import Link, Node
from engine.graph.native import (
    ByLink,
    Grows,
    Lazy,
    Listed,
    Range,
    Socket,
    definitions,
    node,
)
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
    imposter = type(mine)(mine.spec, other.call)
    assert Registry([mine, imposter])["ToyAdd"] is mine


def declared(function: Any) -> Definition:
    """The definition of a native function."""
    module = ModuleType(function.__module__)
    module.found = function  # type: ignore[attr-defined]
    (definition,) = definitions(module)
    return definition


def called(definition: Definition, run: Any = None, **inputs: Any) -> tuple[Any, ...]:
    returned = definition.call(inputs, run)
    assert isinstance(returned, Returned)
    return returned.values


@node("Either", category="toys")
def either(*, on: bool, yes: Lazy[toys.NUMBER], no: Lazy[toys.NUMBER] | None = None) -> toys.NUMBER:
    return yes.get() if on or no is None else no.get()


def test_a_lazy_input_is_there_when_it_was_asked_for() -> None:
    definition = declared(either)
    assert [(i.name, i.type, i.required, i.lazy) for i in definition.spec.inputs] == [
        ("on", "BOOLEAN", True, False),
        ("yes", "NUMBER", True, True),
        ("no", "NUMBER", False, True),
    ]
    with pytest.raises(NotYet) as asked:
        called(definition, on=False, yes=UNEVALUATED, no=UNEVALUATED)
    assert asked.value.names == ("no",)
    assert called(definition, on=False, yes=UNEVALUATED, no=2.0) == (2.0,)
    assert either(on=True, yes=Lazy("yes", 1.0)) == 1.0


def test_several_lazy_inputs_are_asked_for_at_once() -> None:
    with pytest.raises(NotYet) as asked:
        Lazy.need(Lazy("a", UNEVALUATED), Lazy("b", 1), Lazy("c", UNEVALUATED))
    assert asked.value.names == ("a", "c")
    Lazy.need(Lazy("b", 1))


@node("Total", category="toys")
def total(
    *, numbers: Listed[toys.NUMBER], scale: float = 1.0, extra: Lazy[toys.NUMBER] | None = None
) -> tuple[Listed[toys.NUMBER], toys.NUMBER]:
    return [n * scale for n in numbers], sum(numbers) + (0 if extra is None else extra.get())


def test_a_listed_input_takes_all_elements_in_one_call() -> None:
    definition = declared(total)
    assert definition.spec.input_is_list
    assert [o.is_list for o in definition.spec.outputs] == [True, False]
    assert called(definition, numbers=[1.0, 2.0], scale=[2.0]) == ([2.0, 4.0], 3.0)
    with pytest.raises(NotYet):
        called(definition, numbers=[1.0], extra=[UNEVALUATED])


def test_an_input_that_is_no_list_takes_one_value_beside_lists() -> None:
    with pytest.raises(NodeError, match="takes one value as its input 'scale', but got 2"):
        called(declared(total), numbers=[1.0], scale=[1.0, 2.0])


@node("Sum", category="toys")
def sum_of(*, numbers: Annotated[dict[str, toys.NUMBER], Grows("n", 2, 4)]) -> toys.NUMBER:
    return sum(numbers.values())


def test_an_input_may_grow() -> None:
    definition = declared(sum_of)
    assert definition.spec.undeclared == "all"
    names = [i.name for i in inputs_of(definition.spec, {"numbers.n3": 1})]
    assert names == ["numbers.n0", "numbers.n1", "numbers.n3"]
    assert called(definition, **{"numbers.n0": 1.0, "numbers.n1": 2.0}) == (3.0,)


def test_only_a_dict_by_name_may_grow() -> None:
    with pytest.raises(TypeError, match="must be a dict"):

        @node("Bad", category="toys")
        def bad(*, a: Annotated[list[int], Grows("n")]) -> int:
            return len(a)


def is_even(value: int | None) -> str | None:
    return None if value is None or value % 2 == 0 else f"{value} is odd"


@node(
    "Careful", category="toys", fingerprint=lambda value: value, check=is_even, not_idempotent=True
)
def careful(*, value: int, other: int = 0) -> int:
    return value + other


def test_a_native_node_may_say_when_it_has_changed() -> None:
    found = declared(careful).fingerprint
    assert found is not None
    assert found({"value": 3, "other": 4}, toys) == 3  # type: ignore[arg-type]  # not asked for
    assert found({}, toys) is None  # type: ignore[arg-type]


def test_a_native_node_may_check_its_inputs() -> None:
    definition = declared(careful)
    assert (definition.spec.validates, definition.spec.validates_types) == (("value",), False)
    assert definition.spec.not_idempotent
    assert definition.check is not None
    assert definition.check({"value": 3, "other": 1}, {}) == [("value", "3 is odd")]
    assert definition.check({"value": None}, {}) == []


@node("Links", category="toys")
def links(*, a: toys.NUMBER, **more: Any) -> toys.NUMBER:
    return a + sum(more.values())


def test_further_keywords_take_what_is_linked_without_being_declared() -> None:
    assert declared(links).spec.undeclared == "links"
    assert called(declared(links), a=1.0, b=2.0) == (3.0,)


def test_a_native_node_may_put_a_graph_in_its_place() -> None:
    grown = Returned((Link("x", 0),), expansion=Expansion({"x": Node("x", "ToyConstant")}))

    @node("Grown", category="toys")
    def grow(*, a: int) -> toys.NUMBER:
        return grown  # type: ignore[return-value]

    assert declared(grow).call({"a": 1}, None) is grown  # type: ignore[arg-type]


ANY = Annotated[Any, Socket("*")]


@node("LinkTaker", category="toys", output_names=("first", "second"))
def link_taker(
    *, asleep: Annotated[Any, ByLink("*")], awake: Annotated[Any, ByLink("*", evaluated=True)]
) -> tuple[ANY, ANY]:
    return asleep, awake


def test_an_input_may_be_the_link_itself() -> None:
    spec = declared(link_taker).spec
    assert [(i.name, i.type, i.lazy, i.raw_link) for i in spec.inputs] == [
        ("asleep", "*", True, True),
        ("awake", "*", False, True),
    ]


def test_outputs_may_have_names() -> None:
    assert [output.name for output in declared(link_taker).spec.outputs] == [
        "first",
        "second",
    ]


FLOATS = Annotated[float | list[float], Socket("FLOATS", {"min": -1, "forceInput": True})]


@node("Marked", category="toys", experimental=True, deprecated=True)
def marked(
    *, many: FLOATS = -1, one: Annotated[float, Range(0.0, 1.0, display="slider")] = 0.5
) -> None:
    """Does nothing at all."""


def test_clients_see_marks_and_how_numbers_and_sockets_are_meant() -> None:
    found = object_info(declared(marked).spec, no_files)
    assert found["experimental"] is True
    assert found["deprecated"] is True
    assert found["input"]["required"]["many"][1] == {"default": -1, "min": -1, "forceInput": True}
    assert found["input"]["required"]["one"][1]["display"] == "slider"

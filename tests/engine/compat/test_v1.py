"""A V1 class of a pack is a node: what it says of itself, and each way to call and ask it."""

import inspect
import math
from typing import Any

import pytest

from engine.graph.catalogue import object_info
from engine.graph.definition import UNEVALUATED, Blocker, Expansion, NodeError
from engine.graph.graph import Link, Node
from engine.graph.spec import NodeSpec, OutputSpec
from tests.engine.compat.toys import REGISTRY, V1, call, call_later, definition, run_of


def spec(class_type: str) -> NodeSpec:
    return definition(class_type).spec


def test_the_attributes_of_a_class_are_its_spec() -> None:
    found = spec("V1Everything")
    assert [(i.name, i.type, i.required) for i in found.inputs] == [
        ("image", "IMAGE", True),
        ("mode", "COMBO", True),
        ("kind", "COMBO", True),
        ("remote", "COMBO", True),
        ("amount", "FLOAT", True),
        ("forgot", "STRING", True),
        ("any", "*", False),
        ("both", "IMAGE,MASK", False),
        ("lazy", "INT", False),
    ]
    assert found.outputs == (
        OutputSpec("IMAGE", "picture", is_list=True),
        OutputSpec("COMBO", "COMBO", choices=("a", "b")),
        OutputSpec("INT", "INT"),
    )
    assert (found.category, found.is_output, found.lane) == ("toys/v1", True, "device")
    assert (found.not_idempotent, found.undeclared, found.input_is_list) == (True, "all", False)
    assert [i.name for i in found.inputs if i.lazy] == ["lazy"]
    assert found.module == V1.__name__


def test_combos_of_both_forms_know_their_choices() -> None:
    items = {item.name: item for item in spec("V1Everything").inputs}
    assert items["mode"].choices == ("x", "y", 3)
    assert items["kind"].choices == ("p", "q")
    assert items["remote"].unlisted


def test_object_info_shows_inputs_as_the_class_returns_them() -> None:
    info = object_info(spec("V1Everything"), lambda kind: ())
    required, hidden = info["input"]["required"], info["input"]["hidden"]
    assert required["mode"] == [["x", "y", 3], {}]
    assert required["kind"] == ["COMBO", {"options": ["p", "q"], "multiselect": True}]
    assert required["amount"] == ["FLOAT", {"max": None, "pack.key": [1, 2]}]
    assert hidden == {"id": "UNIQUE_ID", "version": ["v1"]}
    assert info["input_order"]["hidden"] == ["id", "version"]
    assert info["output"] == ["IMAGE", ["a", "b"], "INT"]
    assert info["output_is_list"] == [True, False, False]
    assert info["output_name"] == ["picture", "COMBO", "INT"]
    assert info["deprecated"] is True
    assert "experimental" not in info
    assert info["output_tooltips"] == ["a picture"]
    assert info["search_aliases"] == ["all"]


def test_a_label_of_the_pack_is_the_display_name() -> None:
    assert spec("V1Node").display_name == "A plain node"
    assert spec("V1Grows").display_name == "V1Grows"


@pytest.mark.parametrize("name", list(REGISTRY))
def test_specs_survive_json(name: str) -> None:
    assert NodeSpec.from_json(spec(name).to_json()) == spec(name)


def test_a_class_that_raises_is_left_out() -> None:
    assert "V1Broken" not in REGISTRY
    assert "V3Twice" not in REGISTRY


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("tuple", (1, "a")),
        ("list", (1, "a")),
        ("short", (1, None)),
        ("long", (1, "a")),
        ("result", (1, "a")),
        ("ui", (None, None)),
        ("empty", (None, None)),
        ("blocker", (Blocker("not now"), Blocker("not now"))),
        ("result_blocker", (Blocker(None), Blocker(None))),
        ("element_blocker", (Blocker("half"), "a")),
    ],
)
def test_each_form_of_a_result_is_understood(kind: str, values: tuple[Any, ...]) -> None:
    assert call("V1Returns", kind=kind).values == values


@pytest.mark.parametrize("kind", ["none", "text"])
def test_what_is_no_result_is_an_error_that_names_the_class(kind: str) -> None:
    with pytest.raises(NodeError, match="V1Returns must return a tuple of its 2 outputs"):
        call("V1Returns", kind=kind)


def test_none_is_fine_for_a_node_without_outputs() -> None:
    assert call("V1ReturnsNothing", value=1).values == ()


def test_ui_values_become_lists_and_a_text_stays_whole() -> None:
    assert call("V1Returns", kind="result").ui == {"text": ["hello"], "animated": [True]}
    assert call("V1Returns", kind="ui").ui == {"text": ["hello"]}


def test_a_list_output_may_hold_blockers() -> None:
    assert call("V1ReturnsLists", value=1).values == ([1, Blocker("one"), 3], [4, 5])


def test_dictionaries_that_take_any_name_are_asked_by_name() -> None:
    found = call("V1Grows", first=1, extra=2)
    assert found.values == (("extra", 2), ("first", 1))
    assert spec("V1Grows").undeclared == "all"


def test_a_tuple_that_answers_every_index_gives_any_output() -> None:
    assert spec("V1Grows").further == OutputSpec("*", "*")
    assert spec("V1Grows").output(7) == OutputSpec("*", "*")
    assert spec("V1Node").output(1) is None


def test_undeclared_links_are_passed_and_undeclared_constants_dropped() -> None:
    found = call("V1TakesLinks", {"linked": ["2", 0]}, value=1, linked=5, constant=6)
    assert found.values == ((1, {"linked": 5}),)


def test_hidden_inputs_are_filled_in_and_hidden_names_accepted() -> None:
    seen = call("V1Hidden", accepted=3, written_wrong=4, other=5).values[0]
    graph = seen.pop("graph")
    prompt = seen.pop("prompt")
    assert seen == {
        "extra": {"workflow": {}},
        "id": "1",
        "token": None,
        "accepted": 3,
        "written_wrong": 4,
    }
    assert prompt["1"]["class_type"] == "V1Hidden"
    assert graph.get_node("2") == {"class_type": "V1Node", "inputs": {"value": 1}}
    assert graph.has_node("2")
    assert not graph.has_node("3")
    assert graph.all_node_ids() == {"1", "2"}
    assert graph.get_original_prompt() == prompt
    assert graph.get_parent_node_id("1") is None
    assert (graph.get_real_node_id("1"), graph.get_display_node_id("1")) == ("1", "1")
    with pytest.raises(KeyError):
        graph.get_node("3")


def test_asking_for_the_id_makes_a_node_its_own() -> None:
    assert spec("V1Hidden").not_idempotent
    assert not spec("V1Node").not_idempotent


def test_with_lists_everything_is_a_list() -> None:
    found = definition("V1Lists")
    run = run_of("V1Lists", value=["2", 0])
    assert found.spec.input_is_list
    assert call("V1Lists", {"value": ["2", 0]}, value=[1, 2]).values == (([1, 2], ["1"]),)
    assert found.needs is not None
    assert found.needs({"value": [UNEVALUATED]}, run) == ["value"]
    assert found.fingerprint is not None
    assert found.fingerprint({"value": 3}, run_of("V1Lists", value=3)) == [[3], ["1"]]


def test_a_list_constant_arrives_as_a_list() -> None:
    run = run_of("V1Multi", kinds={"__value__": ["a", "b"]})
    result = definition("V1Multi").call({"kinds": run.graph.node("1").inputs["kinds"]}, run)
    assert not inspect.isawaitable(result)
    assert result.values == (["a", "b"],)


def test_values_from_links_arrive_untouched() -> None:
    value = [[1, {}]]
    assert call("V1Node", {"value": ["2", 0]}, value=value).values[0] is value


def test_an_instance_is_kept_between_calls() -> None:
    run = run_of("V1Counts", value=1)
    found = [definition("V1Counts").call({"value": 1}, run) for _ in range(3)]
    assert [one.values for one in found if not inspect.isawaitable(one)] == [(1,), (2,), (3,)]


def test_is_changed_gets_constants() -> None:
    found = definition("V1Changes").fingerprint
    assert found is not None
    assert found({"value": 1}, run_of("V1Changes", value=1)) == "seen 1"
    assert math.isnan(found({"value": None}, run_of("V1Changes", value=["2", 0])))


def test_is_changed_that_lacks_its_self_raises() -> None:
    found = definition("V1ChangesAlways").fingerprint
    assert found is not None
    with pytest.raises(TypeError):
        found({"value": 1}, run_of("V1ChangesAlways", value=1))


async def test_is_changed_may_be_a_coroutine() -> None:
    found = definition("V1ChangesLater").fingerprint
    assert found is not None
    assert await found({"value": 4}, run_of("V1ChangesLater", value=4)) == 4


@pytest.mark.parametrize(
    ("on", "yes", "no", "wanted"),
    [
        (True, UNEVALUATED, UNEVALUATED, ["yes"]),
        (False, UNEVALUATED, UNEVALUATED, ["no"]),
        (True, 1, UNEVALUATED, []),
    ],
)
def test_lazy_inputs_are_asked_for(on: bool, yes: Any, no: Any, wanted: list[str]) -> None:
    found = definition("V1Switch").needs
    assert found is not None
    run = run_of("V1Switch", on=on, yes=["2", 0], no=["2", 0])
    assert found({"on": on, "yes": yes, "no": no}, run) == wanted


def test_what_was_not_evaluated_arrives_as_none() -> None:
    linked = {"yes": ["2", 0], "no": ["2", 0]}
    assert call("V1Switch", linked, on=True, yes=1, no=UNEVALUATED).values == ((1, None),)


async def test_a_coroutine_function_runs_on_the_loop_and_knows_who_it_is() -> None:
    assert spec("V1Waits").lane == "loop"
    assert (await call_later("V1Waits", value=1)).values == ("1",)


def test_an_expansion_is_a_graph_with_deterministic_ids() -> None:
    returned = call("V1Expands", value=7)
    assert returned.values == (Link("1.0.0.two", 0), 7)
    assert returned.expansion == Expansion(
        {
            "1.0.0.1": Node("1.0.0.1", "V1Counts", {"value": 7}),
            "1.0.0.two": Node(
                "1.0.0.two", "V1Counts", {"value": Link("1.0.0.1", 0), "list": (1, 2, 3)}
            ),
        },
        {"1.0.0.two": "shown"},
    )
    assert call("V1Expands", value=7) == returned


def test_validate_inputs_says_what_it_looks_at() -> None:
    assert spec("V1ValidatesNames").validates == ("value",)
    assert spec("V1ValidatesAll").validates == ("*",)
    assert (spec("V1ValidatesTypes").validates, spec("V1ValidatesTypes").validates_types) == (
        (),
        True,
    )

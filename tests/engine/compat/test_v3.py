"""A V3 class of a pack is a node: its schema, its growing inputs, and each way to call it."""

import inspect
from typing import Any

import pytest

from engine.graph.catalogue import object_info
from engine.graph.definition import UNEVALUATED, Blocker, NodeError
from engine.graph.graph import Link
from tests.engine.compat.toys import call, call_later, definition, run_of


def required(class_type: str) -> dict[str, Any]:
    shown: dict[str, Any] = object_info(definition(class_type).spec, lambda kind: ())["input"]
    return shown["required"]


def seen(class_type: str, **inputs: Any) -> Any:
    return call(class_type, **inputs).values[0]


def test_object_info_has_every_kind_of_input() -> None:
    assert required("V3Everything") == {
        "image": ["IMAGE", {"tooltip": "A picture."}],
        "count": ["INT", {"default": 3, "min": 0, "max": 5, "display": "slider"}],
        "text": ["STRING", {"multiline": False, "dynamicPrompts": True}],
        "flag": ["BOOLEAN", {"label_on": "yes"}],
        "mode": ["COMBO", {"multiselect": False, "default": "slow", "options": ["fast", "slow"]}],
        "file": ["COMBO", {"multiselect": False, "options": ["a.png"], "image_upload": True}],
        "kinds": [
            "COMBO",
            {"multiselect": True, "options": ["a", "b"], "multi_select": {"chip": True}},
        ],
        "number": ["FLOAT,INT", {"default": 0.5, "widgetType": "FLOAT"}],
        "match": [
            "COMFY_MATCHTYPE_V3",
            {"template": {"template_id": "T", "allowed_types": "IMAGE,MASK"}},
        ],
    }


def test_object_info_has_all_keys_null_or_not() -> None:
    info = object_info(definition("V3Everything").spec, lambda kind: ())
    assert info["input"]["optional"] == {
        "ratio": ["FLOAT", {"lazy": True, "round": 0.1}],
        "own": ["PACK_TYPE", {"pack.key": 1}],
        "either": ["IMAGE,MASK", {}],
    }
    assert info["input"]["hidden"] == {
        "unique_id": ["UNIQUE_ID"],
        "prompt": ["PROMPT"],
        "extra_pnginfo": ["EXTRA_PNGINFO"],
    }
    assert info["output"] == ["IMAGE", "COMFY_MATCHTYPE_V3"]
    assert info["output_name"] == ["IMAGE", "matched"]
    assert info["output_is_list"] == [False, True]
    assert info["output_tooltips"] == [None, "same as match"]
    assert info["output_matchtypes"] == [None, "T"]
    assert info["display_name"] == "V3Everything"
    assert (info["deprecated"], info["experimental"], info["api_node"]) == (False, True, False)
    assert info["search_aliases"] == ["all"]
    assert info["essentials_category"] is None


def test_a_unique_id_makes_a_node_its_own() -> None:
    assert definition("V3Everything").spec.not_idempotent
    assert not definition("V3Returns").spec.not_idempotent


@pytest.mark.parametrize(
    ("kind", "values", "ui"),
    [
        ("output", (1, "a"), {"text": ["hello"]}),
        ("tuple", (1, "a"), None),
        ("dict", (1, "a"), {"text": ["hello"]}),
        ("none", (None, None), None),
        ("blocked", (Blocker("not now"), Blocker("not now")), None),
        ("blocker", (Blocker("stop"), Blocker("stop")), None),
        (
            "ui",
            (None, None),
            {"images": [{"filename": "a.png", "subfolder": "", "type": "temp"}]},
        ),
    ],
)
def test_each_form_of_a_result_is_understood(kind: str, values: tuple[Any, ...], ui: Any) -> None:
    returned = call("V3Returns", kind=kind)
    assert (returned.values, returned.ui) == (values, ui)


def test_expanding_must_be_declared() -> None:
    with pytest.raises(NodeError, match="enable_expand"):
        call("V3Returns", kind="expand")
    assert call("V3Expands", kind="expand").values == (Link("x", 0),)


def test_the_class_is_locked_while_it_runs() -> None:
    with pytest.raises(AttributeError, match=r"Locked\.count cannot be set"):
        call("V3Locked", change=True)


def test_hidden_values_are_on_the_class_and_unknown_ones_none() -> None:
    assert call("V3Locked", change=False).values == (("1", None, None),)


async def test_an_async_execute_runs_on_the_loop_with_its_hidden_values() -> None:
    assert definition("V3Waits").spec.lane == "loop"
    assert (await call_later("V3Waits", change=False)).values == ("1",)


def test_a_growing_list_arrives_as_a_dict() -> None:
    given = {"images.image0": 1, "images.image1": 2, "named.blue": 3}
    assert seen("V3Grows", **given) == {
        "images": {"image0": 1, "image1": 2},
        "named": {"blue": 3},
    }
    assert seen("V3Grows") == {"images": {}, "named": {}}


def test_a_choice_arrives_with_what_belongs_to_it_and_nests() -> None:
    blur = {"mode": "blur", "mode.radius": 3, "mode.how": "add"}
    assert seen("V3Chooses", **blur) == {"mode": {"mode": "blur", "radius": 3}}
    mix = {"mode": "mix", "mode.how": "add", "mode.how.amount": 0.5}
    assert seen("V3Chooses", **mix) == {
        "mode": {"mode": "mix", "how": {"how": "add", "amount": 0.5}}
    }
    assert seen("V3Chooses", mode="none") == {"mode": {"mode": "none"}}


def test_a_slot_arrives_with_what_is_below_it() -> None:
    assert seen("V3Slots", slot=1, **{"slot.strength": 0.5}) == {
        "slot": {"slot": 1, "strength": 0.5}
    }
    assert seen("V3Slots") == {}


def test_rows_arrive_as_a_list_with_gaps_as_none() -> None:
    given = {"loras.0.name": "a", "loras.2.strength": 0.5}
    assert seen("V3Rows", **given) == {
        "loras": [
            {"name": "a", "strength": None},
            {"name": None, "strength": None},
            {"name": None, "strength": 0.5},
        ]
    }


def test_lazy_members_are_asked_for_by_their_submitted_names() -> None:
    found = definition("V3Lazy").needs
    assert found is not None
    run = run_of("V3Lazy", on=True, **{"all.n0": ["2", 0], "all.n1": ["2", 0]})
    inputs = {"on": True, "all.n0": 4, "all.n1": UNEVALUATED}
    assert found(inputs, run) == ["all.n1"]
    assert found({**inputs, "on": False}, run) == []


def test_a_fingerprint_sees_nested_constants() -> None:
    found = definition("V3Checks").fingerprint
    assert found is not None
    given = {"value": 1, "rows.n0": 5}
    assert found(given, run_of("V3Checks", **given)) == (1, {"n0": 5})


def test_validate_inputs_sees_nested_constants() -> None:
    found = definition("V3Checks").check
    assert found is not None
    right, wrong = {"value": 1, "rows.n0": 5}, {"value": 2, "rows.n0": 5}
    assert found(right, {}) == []
    answer = found(wrong, {})
    assert not inspect.isawaitable(answer)
    assert list(answer) == [("value", "1 rows, not 2"), ("rows", "1 rows, not 2")]


def test_undeclared_constants_need_accept_all_inputs() -> None:
    assert seen("V3AcceptsAll", value=1, other=2) == {"value": 1, "other": 2}
    assert seen("V3Rows", **{"loras.0.name": "a"}, other=2) == {
        "loras": [{"name": "a", "strength": None}]
    }


def test_undeclared_links_are_passed() -> None:
    found = call("V3Chooses", {"linked": ["2", 0]}, mode="none", linked=5)
    assert found.values[0] == {"linked": 5, "mode": {"mode": "none"}}

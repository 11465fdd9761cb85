"""Inputs that grow or depend on a choice: which a node has, and how their values are nested."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.graph.dynamic import AUTOGROW, CHOICE, GROUP, SLOT, declared, strangers
from engine.graph.graph import Link
from engine.graph.nesting import nested
from engine.graph.spec import InputSpec, NodeSpec

NUMBER = {"required": {"n": ["INT", {"max": 9}]}}
LINK = Link("2", 0)


def spec(item: InputSpec) -> NodeSpec:
    return NodeSpec("Toy", "Toy", "toys", (item, InputSpec("plain", "INT")))


def growing(low: int = 1, high: int = 3, *, required: bool = True) -> NodeSpec:
    template = {"input": NUMBER, "prefix": "n", "min": low, "max": high}
    return spec(InputSpec("all", AUTOGROW, required, {"template": template}))


CHOOSING = spec(
    InputSpec(
        "mode",
        CHOICE,
        options={
            "options": [
                {"key": "blur", "inputs": {"required": {"radius": ["INT"]}}},
                {"key": "none", "inputs": {}},
            ]
        },
    )
)
ROWS = spec(
    InputSpec(
        "rows",
        GROUP,
        options={"template": {"required": {"a": ["INT"], "b": ["INT"]}}, "min": 1, "max": 3},
    )
)
SLOTS = spec(
    InputSpec("slot", SLOT, False, {"slotType": "IMAGE", "inputs": {"required": {"by": ["FLOAT"]}}})
)


def shown(node: NodeSpec, **submitted: Any) -> list[tuple[str, str, bool]]:
    return [(i.name, i.type, i.required) for i in declared(node, submitted)]


def bad(node: NodeSpec, **submitted: Any) -> list[str]:
    return [name for _, name in strangers(node, submitted)]


def test_the_first_members_of_a_growing_list_are_required() -> None:
    assert shown(growing(2)) == [
        ("all.n0", "INT", True),
        ("all.n1", "INT", True),
        ("plain", "INT", True),
    ]
    assert shown(growing(1), **{"all.n2": 1})[:2] == [
        ("all.n0", "INT", True),
        ("all.n2", "INT", False),
    ]


def test_an_optional_growing_list_asks_for_its_minimum_once_it_is_begun() -> None:
    assert shown(growing(2, required=False)) == [("plain", "INT", True)]
    begun = shown(growing(2, required=False), **{"all.n0": 1})
    assert begun[:2] == [("all.n0", "INT", True), ("all.n1", "INT", True)]


def test_members_keep_the_options_of_their_template() -> None:
    assert declared(growing(), {})[0].options == {"max": 9}


def test_names_that_nothing_takes_are_strangers() -> None:
    assert bad(growing(), **{"all.n0": 1, "all.n3": 1, "all.x": 1, "all": 1, "other": 1}) == [
        "all.n3",
        "all.x",
        "all",
    ]
    assert bad(CHOOSING, mode="none", **{"mode.radius": 1}) == ["mode.radius"]
    assert bad(ROWS, **{"rows.0.a": 1, "rows.3.a": 1, "rows.01.a": 1, "rows.0.c": 1}) == [
        "rows.3.a",
        "rows.01.a",
        "rows.0.c",
    ]
    assert bad(SLOTS, **{"slot.by": 0.5}) == ["slot.by"]


def test_a_choice_that_is_not_on_offer_is_no_stranger_too() -> None:
    assert bad(CHOOSING, mode="zz", **{"mode.radius": 1}) == []
    assert declared(CHOOSING, {"mode": "zz"})[0].choices == ("blur", "none")


def test_a_choice_brings_its_own_inputs() -> None:
    assert shown(CHOOSING, mode="blur")[1] == ("mode.radius", "INT", True)
    assert shown(CHOOSING, mode="none") == [("mode", "COMBO", True), ("plain", "INT", True)]


def test_a_slot_has_more_inputs_once_it_is_linked() -> None:
    assert shown(SLOTS) == [("slot", "IMAGE", False), ("plain", "INT", True)]
    assert shown(SLOTS, slot=LINK)[1] == ("slot.by", "FLOAT", True)


def test_rows_beyond_the_minimum_may_have_gaps() -> None:
    assert shown(ROWS, **{"rows.1.b": 1})[:4] == [
        ("rows.0.a", "INT", True),
        ("rows.0.b", "INT", True),
        ("rows.1.a", "INT", False),
        ("rows.1.b", "INT", False),
    ]


def test_a_choice_inside_a_growing_list_nests() -> None:
    inner = {"options": [{"key": "x", "inputs": {"required": {"r": ["INT"]}}}]}
    template = {"input": {"required": {"c": [CHOICE, inner]}}, "prefix": "c", "min": 0, "max": 2}
    node = spec(InputSpec("all", AUTOGROW, options={"template": template}))
    submitted = {"all.c0": "x", "all.c0.r": 5, "plain": 1}
    assert [name for name, _, _ in shown(node, **submitted)] == ["all.c0", "all.c0.r", "plain"]
    assert strangers(node, submitted) == []
    assert nested(node, submitted) == {"all": {"c0": {"c0": "x", "r": 5}}, "plain": 1}


@given(st.dictionaries(st.integers(0, 12), st.integers(), max_size=13), st.integers(0, 5))
def test_what_is_submitted_for_a_growing_list_is_declared_or_a_stranger(
    members: dict[int, int], low: int
) -> None:
    node = growing(low, 10)
    submitted = {f"all.n{n}": value for n, value in members.items()}
    names = [item.name for item in declared(node, submitted)]
    assert len(names) == len(set(names))
    assert set(submitted) <= set(names) | set(bad(node, **submitted))
    assert nested(node, submitted)["all"] == {
        f"n{n}": members[n] for n in range(10) if n in members
    }


@given(st.dictionaries(st.text(max_size=12).map("rows.".__add__), st.integers(), max_size=6))
def test_no_name_of_a_row_breaks_anything(submitted: dict[str, int]) -> None:
    names = {item.name for item in declared(ROWS, submitted)}
    assert {n for n in submitted if n not in names} == set(bad(ROWS, **submitted))
    assert 1 <= len(nested(ROWS, submitted)["rows"]) <= 3


def test_a_value_that_is_none_is_there() -> None:
    assert nested(CHOOSING, {"mode": "blur", "mode.radius": None}) == {
        "mode": {"mode": "blur", "radius": None}
    }
    assert nested(growing(), {"all.n0": None, "plain": None}) == {
        "all": {"n0": None},
        "plain": None,
    }


def test_absurd_names_are_strangers_and_cost_little() -> None:
    template = {"input": {"required": {"x": [AUTOGROW, growing().inputs[0].options]}}}
    rows = {"template": {**template, "prefix": "x", "min": 0, "max": 100}}
    node = spec(InputSpec("all", AUTOGROW, options=rows))
    submitted = {f"all.x{n}.{'n' * 10}{n}": 1 for n in range(20_000)}
    assert len(bad(node, **submitted)) == 20_000
    assert bad(ROWS, **{f"rows.{'9' * 5000}.a": 1, "rows.٣.a": 1}) == [
        f"rows.{'9' * 5000}.a",
        "rows.٣.a",
    ]

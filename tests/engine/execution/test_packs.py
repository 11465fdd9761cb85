"""Classes of packs in the real executor: each rule of the contract, as a prompt meets it."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from engine.formats.api import read_prompt
from engine.graph.checks import custom_problems
from engine.graph.validation import Validation, validate
from tests.engine.compat.toys import REGISTRY, V1
from tests.engine.execution.bench import Bench, toy

Prompt = dict[str, Any]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    found = Bench(tmp_path, REGISTRY.values())
    yield found
    found.executor.close()


def show(source: str, slot: int = 0) -> Prompt:
    return {"show": toy("V1Show", value=[source, slot])}


def seen(bench: Bench, prompt: Prompt, **extra: Any) -> Any:
    """What "show" was called with, call by call."""
    outcome = bench.run(prompt, **extra)
    assert outcome.status == "success", outcome.messages
    return outcome.outputs.get("show", {}).get("seen")


def one(bench: Bench, class_type: str, slot: int = 0, /, **inputs: Any) -> Any:
    """What an output of one node gave, in one call; ``"n"`` is a number that links may take."""
    sources = {"n": toy("V1Node", value=3), "m": toy("V1Node", value=4)}
    (value,) = seen(bench, {**sources, "x": toy(class_type, **inputs)} | show("x", slot))
    return value


def checked(bench: Bench, prompt: Prompt) -> Validation:
    """The prompt as the server checks it: by the specs, then by the nodes themselves."""
    first = validate(read_prompt(prompt), bench.registry.catalogue, bench.folders)
    if first.error is not None:
        return first
    extra = custom_problems(first.graph, first.outputs, bench.registry)
    return validate(first.graph, bench.registry.catalogue, bench.folders, extra=extra)


def refused(bench: Bench, class_type: str, **inputs: Any) -> list[tuple[str, str]]:
    """What is wrong with the inputs of one node."""
    prompt = {"n": toy("V1Node", value=3), "x": toy(class_type, **inputs)} | show("x")
    errors = checked(bench, prompt).node_errors.get("x", {}).get("errors", [])
    return [(error["type"], error["details"]) for error in errors]


# Dictionaries, texts and tuples with tricks; what is not declared; hidden inputs


def test_a_class_that_takes_any_name_gets_constants_and_links_of_any_name(bench: Bench) -> None:
    given = {"first": 1, "lora_1": {"on": True, "lora": "x"}, "linked": ["n", 0]}
    prompt = {"n": toy("V1Node", value=3), "x": toy("V1Grows", **given)}
    assert seen(bench, prompt | show("x", 2)) == [("lora_1", {"on": True, "lora": "x"})]
    assert seen(bench, prompt | show("x", 1)) == [("linked", 3)]


def test_an_output_that_was_not_returned_is_none_also_of_a_tuple_with_any_index(
    bench: Bench,
) -> None:
    assert one(bench, "V1Grows", 5, first=1) is None


def test_wildcards_and_unions_take_what_they_say(bench: Bench) -> None:
    assert one(bench, "V1Union", value=["n", 0]) == 3
    assert refused(bench, "V1Union", value=["x", 0]) != []
    prompt = {"t": toy("V1Returns", kind="tuple"), "x": toy("V1Union", value=["t", 1])} | show("x")
    (error,) = checked(bench, prompt).node_errors["x"]["errors"]
    assert error["details"] == "value, received_type(STRING) mismatch input_type(IMAGE,INT)"


def test_an_undeclared_link_is_evaluated_and_passed_a_constant_is_dropped(bench: Bench) -> None:
    found = one(bench, "V1TakesLinks", value=1, linked=["n", 0], constant=5)
    assert found == (1, {"linked": 3})
    prompt = {"n": toy("V1Node", value=4), "x": toy("V1TakesLinks", value=1, linked=["n", 0])}
    assert seen(bench, prompt | show("x")) == [(1, {"linked": 4})], "it is part of the key"


def test_hidden_inputs_are_what_the_prompt_says(bench: Bench) -> None:
    prompt = {"x": toy("V1Hidden", accepted=7, unknown=8)} | show("x")
    (found,) = seen(bench, prompt, extra_pnginfo={"workflow": {"id": "w"}})
    graph, written = found.pop("graph"), found.pop("prompt")
    assert found == {"extra": {"workflow": {"id": "w"}}, "id": "x", "token": None, "accepted": 7}
    assert written["x"]["inputs"] == {"accepted": 7, "unknown": 8}
    assert graph.all_node_ids() == {"x", "show"}


def test_a_node_that_asks_for_its_id_is_not_shared(bench: Bench) -> None:
    prompt = {"x": toy("V1Hidden"), "y": toy("V1Hidden")} | show("x")
    bench.run(prompt | {"also": toy("V1Show", value=["y", 0])})
    assert {"x", "y"} <= set(bench.ran())


# What a call returns


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
    ],
)
def test_each_form_of_a_result_reaches_who_is_linked(
    bench: Bench, kind: str, values: tuple[Any, ...]
) -> None:
    for slot, value in enumerate(values):
        assert one(bench, "V1Returns", slot, kind=kind) == value


def test_what_a_class_shows_is_an_event_and_history(bench: Bench) -> None:
    outcome = bench.run({"x": toy("V1Returns", kind="result")} | show("x"))
    assert outcome.outputs["x"] == {"text": ["hello"], "animated": [True]}
    assert bench.told("executed")[0]["output"] == outcome.outputs["x"]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("blocker", ["Execution Blocked: not now"]),
        ("result_blocker", []),
        ("element_blocker", ["Execution Blocked: half"]),
    ],
)
def test_a_blocker_keeps_what_follows_from_running_and_the_prompt_succeeds(
    bench: Bench, kind: str, said: list[str]
) -> None:
    assert seen(bench, {"x": toy("V1Returns", kind=kind)} | show("x")) is None
    messages = [data["exception_message"] for data in bench.told("execution_error")]
    assert messages == said


def test_only_the_blocked_output_of_a_call_blocks(bench: Bench) -> None:
    assert one(bench, "V1Returns", 1, kind="element_blocker") == "a"


@pytest.mark.parametrize("kind", ["none", "text"])
def test_what_is_no_result_is_an_error_of_its_node(bench: Bench, kind: str) -> None:
    outcome = bench.run({"x": toy("V1Returns", kind=kind)} | show("x"))
    type_, data = outcome.messages[-1]
    assert (type_, data["node_id"], data["node_type"]) == ("execution_error", "x", "V1Returns")
    assert "must return a tuple of its 2 outputs" in data["exception_message"]


def test_an_output_without_outputs_may_return_nothing(bench: Bench) -> None:
    assert bench.run({"x": toy("V1ReturnsNothing", value=1)}).status == "success"


# Lists


def test_a_class_is_called_for_each_element_of_a_list(bench: Bench) -> None:
    prompt = {"l": toy("V1Series", value=3), "x": toy("V1TakesLinks", value=1, other=["l", 0])}
    assert seen(bench, prompt | show("x")) == [(1, {"other": n}) for n in range(3)]


def test_an_empty_list_means_no_call(bench: Bench) -> None:
    assert seen(bench, {"l": toy("V1Series", value=0)} | show("l")) is None


def test_input_is_list_takes_all_in_one_call(bench: Bench) -> None:
    prompt = {"l": toy("V1Series", value=3), "x": toy("V1Whole", value=["l", 0])}
    assert seen(bench, prompt | show("x")) == [[0, 1, 2]]
    assert one(bench, "V1Whole", value=4) == [4]


def test_only_blocked_elements_are_left_out_and_the_message_is_said_once(bench: Bench) -> None:
    prompt = {"l": toy("V1Series", value=4), "x": toy("V1Stops", value=["l", 0], at=2)}
    assert seen(bench, prompt | show("x")) == [0, 1, 3]
    (error,) = bench.told("execution_error")
    assert error["exception_message"] == "Execution Blocked: 2 is not let through"
    whole = {**prompt, "w": toy("V1Whole", value=["x", 0])}
    assert seen(bench, whole | show("w")) is None, "one blocked element blocks a whole list"


def test_a_list_output_may_hold_a_blocked_element(bench: Bench) -> None:
    assert seen(bench, {"x": toy("V1ReturnsLists", value=1)} | show("x")) == [1, 3]
    assert seen(bench, {"x": toy("V1ReturnsLists", value=1)} | show("x", 1)) == [[4, 5]]


# What decides whether a class runs again


def test_is_changed_is_part_of_the_key(bench: Bench) -> None:
    prompt = {"x": toy("V1Changes", value=1)} | show("x")
    bench.run(prompt)
    bench.run(prompt)
    assert bench.ran() == []
    linked = {"n": toy("V1Node", value=1), "x": toy("V1Changes", value=["n", 0])} | show("x")
    bench.run(linked)
    bench.run(linked)
    assert bench.ran() == ["x", "show"], "NaN is different from itself"


@pytest.mark.parametrize(
    ("class_type", "again"),
    [("V1ChangesNever", []), ("V1ChangesAlways", ["x", "show"]), ("V1ChangesLater", [])],
)
def test_constant_raising_and_awaited_is_changed(
    bench: Bench, class_type: str, again: list[str]
) -> None:
    prompt = {"x": toy(class_type, value=1)} | show("x")
    bench.run(prompt)
    bench.run(prompt)
    assert bench.ran() == again


def test_what_a_class_remembers_on_itself_is_there_in_the_next_prompt(bench: Bench) -> None:
    values = [one(bench, "V1Counts", value=value) for value in (1, 2, 3)]
    assert values == [1, 2, 3]


# What a class checks before the prompt is queued


def test_named_inputs_are_checked_by_the_class_and_not_by_their_limits(bench: Bench) -> None:
    assert refused(bench, "V1ValidatesNames", value=8, other=1) == []
    assert refused(bench, "V1ValidatesNames", value=7, other=1) == [
        ("custom_validation_failed", "value - 7 is odd")
    ]
    (error,) = refused(bench, "V1ValidatesNames", value=8, other=9)
    assert error[0] == "value_bigger_than_max", "which it does not name"
    assert refused(bench, "V1ValidatesNames", value=["n", 0], other=1) == []


def test_a_check_of_everything_takes_over_all_limits(bench: Bench) -> None:
    assert refused(bench, "V1ValidatesAll", value=99, other=-1) == []
    assert refused(bench, "V1ValidatesAll", value=1, other=2) == [
        ("custom_validation_failed", "value"),
        ("custom_validation_failed", "other"),
    ]


def test_a_check_of_types_takes_over_what_may_be_linked(bench: Bench) -> None:
    assert refused(bench, "V1ValidatesTypes", image=["n", 0]) == []
    prompt = {"t": toy("V1Returns", kind="tuple"), "x": toy("V1ValidatesTypes", image=["t", 1])}
    (error,) = checked(bench, prompt | show("x")).node_errors["x"]["errors"]
    assert error["details"] == "input_types - wrong type"


def test_a_check_that_raises_is_said_to(bench: Bench) -> None:
    (error,) = refused(bench, "V1ValidatesBadly", value=1)
    assert error == ("exception_during_validation", "RuntimeError: oops")


# Lazy inputs, expansion, async


@pytest.mark.parametrize(("on", "value", "other"), [(True, 3, "m"), (False, 4, "n")])
def test_a_lazy_class_gets_the_side_that_it_asks_for(
    bench: Bench, on: bool, value: int, other: str
) -> None:
    (found,) = {x for x in one(bench, "V1Switch", on=on, yes=["n", 0], no=["m", 0]) if x}
    assert found == value
    assert other not in bench.ran()


def test_a_lazy_class_that_takes_lists(bench: Bench) -> None:
    prompt = {"l": toy("V1Series", value=2), "x": toy("V1Lists", value=["l", 0])}
    assert seen(bench, prompt | show("x")) == [([0, 1], ["x"])]


def test_an_expansion_gives_its_result_and_shows_where_it_says(bench: Bench) -> None:
    assert one(bench, "V1Expands", value=2) == 1
    shown = {e["node"]: e["display_node"] for e in bench.told("executing")}
    assert shown["x.0.0.1"] == "x"
    assert shown["x.0.0.two"] == "shown"


def test_an_expansion_may_expand_again_until_it_ends(bench: Bench) -> None:
    assert one(bench, "V1Factorial", value=5, so_far=1) == 120
    assert len([i for i in bench.ran() if i.startswith("x.")]) == 8


def test_each_element_of_a_list_may_expand(bench: Bench) -> None:
    prompt = {"l": toy("V1Series", value=5), "x": toy("V1Factorial", value=["l", 0], so_far=1)}
    assert seen(bench, prompt | show("x")) == [1, 1, 2, 6, 24]


def test_async_calls_of_one_class_and_of_others_run_together(bench: Bench) -> None:
    V1.Meets.gate = asyncio.Barrier(3)
    prompt = {
        "l": toy("V1Series", value=2),
        "x": toy("V1Meets", value=["l", 0]),
        "y": toy("V1Meets", value=5),
        "z": toy("V1Show", value=["y", 0]),
    }
    outcome = bench.run(prompt | show("x"))
    assert outcome.outputs["show"]["seen"] == [(0, 0), (1, 1)]
    assert outcome.outputs["z"]["seen"] == [(5, 0)]


def test_async_code_knows_which_node_it_is(bench: Bench) -> None:
    assert one(bench, "V1Waits", value=1) == "x"
    assert one(bench, "V3Waits", change=False) == "x"


# V3


@pytest.mark.parametrize("kind", ["output", "tuple", "dict"])
def test_each_form_of_a_v3_result_reaches_who_is_linked(bench: Bench, kind: str) -> None:
    assert one(bench, "V3Returns", 0, kind=kind) == 1
    assert one(bench, "V3Returns", 1, kind=kind) == "a"


def test_v3_results_may_be_shown_or_blocked(bench: Bench) -> None:
    outcome = bench.run({"x": toy("V3Returns", kind="dict")} | show("x"))
    assert outcome.outputs["x"] == {"text": ["hello"]}
    assert one(bench, "V3Returns", kind="none") is None
    assert seen(bench, {"x": toy("V3Returns", kind="blocked")} | show("x")) is None
    (error,) = bench.told("execution_error")
    assert error["exception_message"] == "Execution Blocked: not now"


def test_a_v3_class_is_locked_and_knows_its_hidden_values(bench: Bench) -> None:
    assert one(bench, "V3Locked", change=False) == ("x", None, None)
    outcome = bench.run({"x": toy("V3Locked", change=True)} | show("x"))
    assert "Locked.count cannot be set" in outcome.messages[-1][1]["exception_message"]


@pytest.mark.parametrize(
    ("class_type", "given", "value"),
    [
        (
            "V3Grows",
            {"images.image0": ["n", 0], "images.image1": 2, "named.blue": ["m", 0]},
            {"images": {"image0": 3, "image1": 2}, "named": {"blue": 4}},
        ),
        (
            "V3Chooses",
            {"mode": "mix", "mode.how": "add", "mode.how.amount": 0.5},
            {"mode": {"mode": "mix", "how": {"how": "add", "amount": 0.5}}},
        ),
        (
            "V3Slots",
            {"slot": ["n", 0], "slot.strength": 0.5},
            {"slot": {"slot": 3, "strength": 0.5}},
        ),
        ("V3Slots", {}, {}),
        (
            "V3Rows",
            {"loras.0.name": "a", "loras.0.strength": 1, "loras.1.strength": 0.5},
            {"loras": [{"name": "a", "strength": 1.0}, {"name": None, "strength": 0.5}]},
        ),
        ("V3AcceptsAll", {"value": 1, "more": 2}, {"value": 1, "more": 2}),
    ],
)
def test_dynamic_inputs_arrive_nested(
    bench: Bench, class_type: str, given: Mapping[str, Any], value: Any
) -> None:
    assert one(bench, class_type, **given) == value


@pytest.mark.parametrize(
    ("class_type", "given", "problem"),
    [
        ("V3Grows", {"images.image0": 1}, "required_input_missing"),
        (
            "V3Grows",
            {"images.image0": 1, "images.image1": 2, "images.image9": 3},
            "invalid_dynamic_input",
        ),
        (
            "V3Grows",
            {"images.image0": 1, "images.image1": 99},
            "value_bigger_than_max",
        ),
        ("V3Chooses", {"mode": "sharpen"}, "value_not_in_list"),
        ("V3Chooses", {"mode": "blur"}, "required_input_missing"),
        ("V3Chooses", {"mode": "none", "mode.radius": 1}, "invalid_dynamic_input"),
        ("V3Slots", {"slot": 1, "slot.strength": 0.5}, "invalid_dynamic_input"),
        ("V3Rows", {"loras.0.strength": 1}, "required_input_missing"),
    ],
)
def test_bad_dynamic_inputs_are_refused(
    bench: Bench, class_type: str, given: Mapping[str, Any], problem: str
) -> None:
    assert [type_ for type_, _ in refused(bench, class_type, **given)] == [problem]


def test_lazy_members_of_a_growing_list(bench: Bench) -> None:
    given = {"all.n0": ["n", 0], "all.n1": ["m", 0]}
    assert one(bench, "V3Lazy", on=True, **given)["all"] == {"n0": 3, "n1": 4}
    assert one(bench, "V3Lazy", on=False, **given)["all"] == {"n0": None, "n1": None}


def test_a_v3_check_sees_nested_inputs(bench: Bench) -> None:
    assert refused(bench, "V3Checks", value=1, **{"rows.n0": 5}) == []
    assert refused(bench, "V3Checks", value=2, **{"rows.n0": 5}) == [
        ("custom_validation_failed", "value - 1 rows, not 2"),
        ("custom_validation_failed", "rows - 1 rows, not 2"),
    ]


def test_a_class_of_a_pack_may_change_its_inputs_and_nobody_notices(bench: Bench) -> None:
    prompt = {"w": toy("V1Whole", value=4), "x": toy("V1Spoils", value=["w", 0])}
    assert seen(bench, prompt | show("x")) == [[4, "spoilt"]]
    assert seen(bench, {"w": prompt["w"]} | show("w")) == [[4]]

"""Classes of packs in the real executor: what reaches them, and what they return."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.compat.toys import REGISTRY
from tests.engine.execution.bench import Bench, toy
from tests.engine.execution.packs import checked, one, refused, seen, show


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    found = Bench(tmp_path, REGISTRY.values())
    yield found
    found.executor.close()


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


def test_a_class_of_a_pack_may_change_its_inputs_and_nobody_notices(bench: Bench) -> None:
    prompt = {"w": toy("V1Whole", value=4), "x": toy("V1Spoils", value=["w", 0])}
    assert seen(bench, prompt | show("x")) == [[4, "spoilt"]]
    assert seen(bench, {"w": prompt["w"]} | show("w")) == [[4]]

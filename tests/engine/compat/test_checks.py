"""Nodes that check their own inputs: asked of a worker, and put beside what the server found."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.files.folders import Folders
from engine.formats.api import read_prompt
from engine.graph.checks import custom_problems, linked_types, may_be_stale, needs_worker
from engine.graph.problems import Problem
from engine.graph.validation import Validation, validate
from tests.engine.compat.toys import REGISTRY

SHOW = "V1ReturnsNothing"


def prompt(class_type: str, **inputs: Any) -> dict[str, Any]:
    """A source "s", the node "1", and an output that shows it."""
    return {
        "s": {"class_type": "V1Node", "inputs": {"value": 1}},
        "1": {"class_type": class_type, "inputs": inputs},
        "o": {"class_type": SHOW, "inputs": {"value": ["1", 0]}},
    }


def check(written: dict[str, Any], folders: Folders | None = None) -> Validation:
    """As the server does it: validate, ask the worker through JSON, validate again."""
    folders = folders or Folders(Path("nowhere"))
    graph, catalogue = read_prompt(written), REGISTRY.catalogue
    first = validate(graph, catalogue, folders)
    outputs = [i for i in graph.nodes if catalogue[graph.nodes[i].class_type].is_output]
    if not needs_worker(graph, outputs, catalogue):
        return first
    found = custom_problems(first.graph, outputs, REGISTRY, skip=first.node_errors)
    sent = json.loads(json.dumps({i: [p.to_json() for p in listed] for i, listed in found.items()}))
    extra = {i: [Problem.from_json(p) for p in listed] for i, listed in sent.items()}
    return validate(graph, catalogue, folders, extra=extra)


def errors(result: Validation) -> list[tuple[str, str, str]]:
    return [
        (node_id, error["type"], error["details"])
        for node_id, node in result.node_errors.items()
        for error in node["errors"]
    ]


def test_a_node_that_is_content_runs() -> None:
    assert check(prompt("V1ValidatesNames", value=2, other=1)).outputs == ("o",)


def test_a_message_is_told_for_each_input_that_was_looked_at() -> None:
    result = check(prompt("V1ValidatesNames", value=3, other=1))
    assert errors(result) == [("1", "custom_validation_failed", "value - 3 is odd")]
    assert result.error is not None
    result = check(prompt("V1ValidatesAll", value=1, other=1))
    assert [details for _, _, details in errors(result)] == ["value", "other"]


def test_constants_are_checked_after_they_were_converted() -> None:
    assert errors(check(prompt("V1ValidatesNames", value="3", other=1)))[0][2] == "value - 3 is odd"


def test_linked_inputs_are_none() -> None:
    assert check(prompt("V1ValidatesNames", value=["s", 0], other=1)).outputs == ("o",)


def test_limits_of_inputs_that_a_node_checks_are_its_own() -> None:
    assert check(prompt("V1ValidatesNames", value=100, other=1)).outputs == ("o",)
    result = check(prompt("V1ValidatesNames", value=100, other=100))
    assert [type_ for _, type_, _ in errors(result)] == ["value_bigger_than_max"]
    assert check(prompt("V1ValidatesAll", value=100, other=100)).outputs == ("o",)


def test_a_node_that_looks_at_types_may_take_others() -> None:
    assert check(prompt("V1ValidatesTypes", image=["s", 0])).outputs == ("o",)
    text = {**prompt("V1ValidatesTypes", image=["t", 1])}
    text["t"] = {"class_type": "V1Returns", "inputs": {"kind": "tuple"}}
    assert errors(check(text)) == [("1", "custom_validation_failed", "input_types - wrong type")]


def test_a_check_that_raises_is_a_problem_with_its_traceback() -> None:
    result = check(prompt("V1ValidatesBadly", value=1))
    assert errors(result) == [("1", "exception_during_validation", "RuntimeError: oops")]
    info = result.node_errors["1"]["errors"][0]["extra_info"]
    assert info["exception_type"] == "RuntimeError"
    assert "oops" in info["traceback"][-1]


def test_a_node_that_is_known_to_be_wrong_is_not_asked() -> None:
    result = check(prompt("V1ValidatesAll", other=1))
    assert [type_ for _, type_, _ in errors(result)] == ["required_input_missing"]


def test_a_worker_is_needed_only_for_nodes_that_check_and_are_needed() -> None:
    graph = read_prompt(
        {
            **prompt("V1Node", value=1),
            "x": {"class_type": "V1ValidatesNames", "inputs": {"value": 1, "other": 1}},
        }
    )
    assert not needs_worker(graph, ["o"], REGISTRY.catalogue)
    assert needs_worker(graph, ["x"], REGISTRY.catalogue)


def test_growing_inputs_are_checked_nested() -> None:
    assert check(prompt("V3Checks", value=1, **{"rows.n0": 1})).outputs == ("o",)
    result = check(prompt("V3Checks", value=2, **{"rows.n0": 1}))
    assert [details for _, _, details in errors(result)] == [
        "value - 1 rows, not 2",
        "rows - 1 rows, not 2",
    ]


@pytest.mark.parametrize(
    ("inputs", "found"),
    [
        ({"images.image0": 1}, ("required_input_missing", "images.image1")),
        ({"images.image0": 1, "images.image1": 10}, ("value_bigger_than_max", "images.image1")),
        (
            {"images.image0": 1, "images.image1": 1, "images.image4": 1},
            ("invalid_dynamic_input", "images.image4: 'images' takes no input of that name"),
        ),
        (
            {"images.image0": 1, "images.image1": 1, "named.green": 1},
            ("invalid_dynamic_input", "named.green: 'named' takes no input of that name"),
        ),
    ],
)
def test_members_of_growing_inputs_are_checked(
    inputs: dict[str, Any], found: tuple[str, str]
) -> None:
    assert [(type_, text) for _, type_, text in errors(check(prompt("V3Grows", **inputs)))] == [
        found
    ]


def test_what_was_chosen_decides_which_inputs_are_required() -> None:
    assert check(prompt("V3Chooses", mode="none")).outputs == ("o",)
    assert errors(check(prompt("V3Chooses", mode="blur"))) == [
        ("1", "required_input_missing", "mode.radius")
    ]
    result = check(prompt("V3Chooses", mode="zz", **{"mode.radius": 1}))
    assert errors(result) == [
        ("1", "value_not_in_list", "mode: 'zz' not in ['blur', 'mix', 'none']")
    ]


def test_links_to_undeclared_inputs_must_lead_somewhere() -> None:
    good = prompt("V1TakesLinks", value=1, more=["s", 0])
    assert check(good).outputs == ("o",)
    result = check(prompt("V1TakesLinks", value=1, more=["nowhere", 0]))
    assert [type_ for _, type_, _ in errors(result)] == ["exception_during_inner_validation"]


def test_a_class_with_any_number_of_outputs_has_every_slot() -> None:
    written = prompt("V1Grows", first=1)
    written["o"]["inputs"]["value"] = ["1", 12]
    assert check(written).outputs == ("o",)
    written["o"]["inputs"]["value"] = ["s", 12]
    assert [type_ for _, type_, _ in errors(check(written))] == [
        "exception_during_inner_validation"
    ]


def test_the_type_of_what_is_linked_is_known_by_input() -> None:
    graph = read_prompt(prompt("V1Returns", kind=["s", 0], lost=["nowhere", 0]))
    assert linked_types(graph.nodes["1"], graph, REGISTRY.catalogue) == {"kind": "INT"}


def test_problems_of_nodes_that_are_not_needed_change_nothing() -> None:
    graph = read_prompt({**prompt("V1Node", value=1), "x": {"class_type": "V1Node", "inputs": {}}})
    problem = Problem("custom_validation_failed", "No", "no")
    folders = Folders(Path("nowhere"))
    checked = validate(graph, REGISTRY.catalogue, folders, extra={"x": [problem], "y": [problem]})
    assert (checked.outputs, checked.node_errors) == (("o",), {})
    assert validate(graph, REGISTRY.catalogue, folders, extra={"s": [problem]}).outputs == ("o",)
    assert validate(graph, REGISTRY.catalogue, folders, extra={"1": [problem]}).outputs == ()


def test_a_list_that_a_pack_reads_may_have_changed_since() -> None:
    assert may_be_stale(check(prompt("V1Returns", kind="new")), REGISTRY.catalogue)
    assert not may_be_stale(check(prompt("V1Node", value=9)), REGISTRY.catalogue)

"""Loops: an End belongs to the closest Start, and nothing leaves a body but through its End."""

from typing import Any

import pytest

from engine.formats.api import read_prompt
from engine.graph.catalogue import Catalogue
from engine.graph.loops import Loop, find_loops
from engine.graph.spec import InputSpec, NodeSpec, OutputSpec
from engine.graph.validation import Validation, validate

NUMBER = (OutputSpec("*", "value"),)


def spec(name: str, *, loop: Any = "", output: bool = False) -> NodeSpec:
    inputs = tuple(InputSpec(i, "*", required=False) for i in ("a", "b", "accumulate"))
    return NodeSpec(name, name, "toys", inputs, NUMBER, is_output=output, loop=loop)


CATALOGUE = Catalogue(
    [spec("Step"), spec("Start", loop="start"), spec("End", loop="end"), spec("Show", output=True)]
)


def prompt(**nodes: str) -> dict[str, Any]:
    """``S="Start x"``: the node S is a Start that takes x."""
    written = {}
    for node_id, text in nodes.items():
        class_type, *sources = text.split()
        links = {name: [source, 0] for name, source in zip("ab", sources, strict=False)}
        written[node_id] = {"class_type": class_type, "inputs": links}
    return written


def check(written: dict[str, Any], folders: Any = None) -> Validation:
    return validate(read_prompt(written), CATALOGUE, folders)


def loops(written: dict[str, Any]) -> tuple[Loop, ...]:
    graph = read_prompt(written)
    outputs = [i for i, node in graph.nodes.items() if node.class_type == "Show"]
    return find_loops(graph, graph.needed(outputs), CATALOGUE.loops)[0]


def errors(result: Validation) -> list[tuple[str, str]]:
    return [
        (node_id, error["extra_info"].get("loop_error_type", error["type"]))
        for node_id, node in result.node_errors.items()
        for error in node["errors"]
    ]


def test_a_loop_is_all_between_its_start_and_its_end() -> None:
    written = prompt(X="Step", S="Start X", B="Step S X", C="Step B", E="End C", O="Show E")
    assert loops(written) == (Loop("S", "E", ("B", "C")),)
    assert check(written).outputs == ("O",)


def test_loops_inside_each_other_are_paired_from_the_inside() -> None:
    written = prompt(
        S="Start", T="Start S", B="Step T S", F="End B", C="Step F", E="End C", O="Show E"
    )
    assert [(one.start, one.end) for one in loops(written)] == [("T", "F"), ("S", "E")]
    assert set(loops(written)[1].body) == {"T", "B", "F", "C"}
    assert check(written).node_errors == {}


def test_loops_one_after_another_are_separate() -> None:
    written = prompt(S="Start", E="End S", T="Start E", B="Step T", F="End B", O="Show F")
    assert loops(written) == (Loop("S", "E", ()), Loop("T", "F", ("B",)))
    assert check(written).node_errors == {}


@pytest.mark.parametrize(
    ("nodes", "found"),
    [
        ({"E": "End X", "X": "Step", "O": "Show E"}, [("E", "loop_end_without_start")]),
        ({"S": "Start", "B": "Step S", "O": "Show B"}, [("S", "loop_start_without_end")]),
        (
            {"S": "Start", "T": "Start", "B": "Step S T", "E": "End B", "O": "Show E"},
            [("E", "ambiguous_loop_nesting")],
        ),
        (
            {"S": "Start", "B": "Step S", "E": "End B", "O": "Show E B"},
            [("O", "loop_escape")],
        ),
        (
            {"S": "Start", "E": "End S", "C": "Step S", "O": "Show E C"},
            [("C", "loop_escape")],
        ),
        (
            {"S": "Start E", "B": "Step S", "E": "End B", "O": "Show E"},
            [("E", "loop_end_cycle")],
        ),
    ],
)
def test_each_fault_has_its_name(nodes: dict[str, str], found: list[tuple[str, str]]) -> None:
    result = check(prompt(**nodes))
    assert errors(result) == found
    error = result.node_errors[found[0][0]]["errors"][0]
    assert error["type"] == "custom_validation_failed"
    assert found[0][0] in error["details"]
    assert result.error is not None
    assert result.error.type == "prompt_outputs_failed_validation"


def test_whether_all_values_are_kept_is_known_before_the_loop() -> None:
    written = prompt(X="Step", S="Start", B="Step S", E="End B", O="Show E")
    written["E"]["inputs"]["accumulate"] = ["B", 0]
    assert errors(check(written)) == [("E", "loop_accumulate_from_body")]
    written["E"]["inputs"]["accumulate"] = ["X", 0]
    assert errors(check(written)) == []


def test_other_outputs_of_a_prompt_with_a_broken_loop_still_run() -> None:
    result = check(prompt(S="Start", B="Step S", O="Show B", X="Step", P="Show X"))
    assert result.outputs == ("P",)


def test_an_output_inside_a_body_is_none_of_the_prompts_own() -> None:
    result = check(prompt(S="Start", B="Show S", E="End B", O="Show E"))
    assert (result.node_errors, result.outputs) == ({}, ("O",))


def test_a_cycle_without_a_loop_stays_a_cycle() -> None:
    error = check(prompt(A="Step B", B="Step A", O="Show A")).error
    assert error is not None
    assert error.type == "dependency_cycle"

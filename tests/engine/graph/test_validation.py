"""A prompt is checked as a whole before it is queued: every problem, by node and input."""

import math
from pathlib import Path
from typing import Any

import pytest

from engine.files.folders import Folders
from engine.formats.api import Read, read_prompt, write_prompt
from engine.graph.registry import Registry
from engine.graph.validation import Validation, validate
from tests.engine.graph import toys

CATALOGUE = Registry.of_modules([toys]).catalogue
NOWHERE = Folders(Path("/nowhere"))


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    (tmp_path / "models" / "loras" / "sub").mkdir(parents=True)
    (tmp_path / "models" / "loras" / "sub" / "a.safetensors").write_text("x")
    return Folders(tmp_path)


def check(prompt: dict[str, Any], folders: Folders, **options: Any) -> Validation:
    return validate(read_prompt(prompt), CATALOGUE, folders, **options)


def toy(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def widgets(**changes: Any) -> dict[str, Any]:
    good = {"count": 1, "ratio": 1.0, "text": "", "flag": True, "colour": "red"}
    return toy("ToyWidgets", **good | changes)


def shown(source: dict[str, Any]) -> dict[str, Any]:
    return {"1": source, "2": toy("ToyShow", value=["1", 0])}


def types(result: Validation, node_id: str) -> list[str]:
    return [e["type"] for e in result.node_errors[node_id]["errors"]]


def test_a_good_prompt_gives_its_outputs(folders: Folders) -> None:
    result = check(shown(widgets()), folders)
    assert (result.outputs, result.error, result.node_errors) == (("2",), None, {})


@pytest.mark.parametrize(
    ("name", "given", "meant"),
    [
        ("count", 3.7, 3),
        ("count", "3", 3),
        ("count", True, 1),
        ("ratio", "0.25", 0.25),
        ("ratio", 7, 7.0),
        ("text", 12, "12"),
        ("text", None, "None"),
        ("flag", "false", True),
        ("flag", 0, False),
    ],
)
def test_constants_are_converted(folders: Folders, name: str, given: Any, meant: Any) -> None:
    result = check(shown(widgets(**{name: given})), folders)
    value = write_prompt(result.graph)["1"]["inputs"][name]
    assert (value, type(value)) == (meant, type(meant))


@pytest.mark.parametrize(
    ("name", "given", "problem"),
    [
        ("count", "3.7", "invalid_input_type"),
        ("count", None, "invalid_input_type"),
        ("count", math.inf, "invalid_input_type"),
        ("ratio", math.nan, "invalid_input_type"),
        ("ratio", "nan", "invalid_input_type"),
        ("count", 6, "value_bigger_than_max"),
        ("count", -1, "value_smaller_than_min"),
        ("colour", "blue", "value_not_in_list"),
        ("colour", 5, "value_not_in_list"),
        ("colour", {"a": []}, "value_not_in_list"),
        ("text", ["1"], "bad_linked_input"),
        ("text", ["1", "0"], "bad_linked_input"),
        ("text", [], "bad_linked_input"),
        ("number", ["9", 0], "exception_during_inner_validation"),
        ("number", ["3", 2], "exception_during_inner_validation"),
        ("number", ["3", -1], "exception_during_inner_validation"),
        ("number", ["4", 1], "return_type_mismatch"),
    ],
)
def test_each_bad_input_is_named(folders: Folders, name: str, given: Any, problem: str) -> None:
    prompt = shown(widgets(**{name: given})) | {"3": toy("ToyConstant", value=1), "4": widgets()}
    result = check(prompt, folders)
    assert types(result, "1") == [problem]
    error = result.node_errors["1"]["errors"][0]
    assert error["extra_info"]["input_name"] == name
    assert name in error["details"]
    assert result.node_errors["1"]["dependent_outputs"] == ["2"]
    assert result.error is not None
    assert result.error.type == "prompt_outputs_failed_validation"


def test_all_problems_come_in_one_answer(folders: Folders) -> None:
    result = check(shown(widgets(count=9, ratio="x", colour="blue")), folders)
    assert types(result, "1") == [
        "value_bigger_than_max",
        "invalid_input_type",
        "value_not_in_list",
    ]


def test_a_missing_required_input_is_an_error_even_with_a_default(folders: Folders) -> None:
    assert types(check(shown(toy("ToyConstant")), folders), "1") == ["required_input_missing"]


def test_good_outputs_run_when_others_are_bad(folders: Folders) -> None:
    prompt = shown(toy("ToyConstant", value=1)) | {"3": toy("ToyShow")}
    result = check(prompt, folders)
    assert result.error is None
    assert result.outputs == ("2",)
    assert types(result, "3") == ["required_input_missing"]


def test_a_node_that_no_output_needs_is_not_checked(folders: Folders) -> None:
    result = check(
        shown(toy("ToyConstant", value=1)) | {"3": toy("ToyConstant", value=99)}, folders
    )
    assert (result.error, result.node_errors) == (None, {})


def test_only_targets_run(folders: Folders) -> None:
    prompt = shown(toy("ToyConstant", value=1)) | {"3": toy("ToyShow", value=["1", 0])}
    assert check(prompt, folders, targets=["3", "1"]).outputs == ("3",)
    nothing = check(prompt, folders, targets=["1"]).error
    assert nothing is not None
    assert nothing.type == "prompt_no_outputs"


def test_unknown_classes_are_all_listed(folders: Folders) -> None:
    prompt = shown(toy("Nope")) | {"3": {"inputs": {}, "_meta": {"title": "My node"}}}
    error = check(prompt, folders).error
    assert error is not None
    assert error.type == "missing_node_type"
    assert error.extra_info["node_id"] == "1"
    assert error.extra_info["class_type"] == "Nope"
    assert [m["node_title"] for m in error.extra_info["missing"]] == ["Nope", "My node"]


def test_a_cycle_is_shown_with_its_path(folders: Folders) -> None:
    prompt = {
        "1": toy("ToyAdd", a=["2", 0], b=["2", 0]),
        "2": toy("ToyAdd", a=["1", 0], b=["1", 0]),
        "3": toy("ToyShow", value=["2", 0]),
    }
    error = check(prompt, folders).error
    assert error is not None
    assert error.type == "dependency_cycle"
    assert error.details in {
        "1 (ToyAdd) -> 2 (ToyAdd) -> 1 (ToyAdd)",
        "2 (ToyAdd) -> 1 (ToyAdd) -> 2 (ToyAdd)",
    }


def test_an_alias_is_resolved(folders: Folders) -> None:
    prompt = {
        "1": toy("ToyConstant", value=1),
        "2": toy("ToyPlus", a=["1", 0], b=["1", 0]),
        "3": toy("ToyShow", value=["2", 0]),
    }
    assert check(prompt, folders).graph.nodes["2"].class_type == "ToyAdd"


def test_a_file_must_be_on_offer(folders: Folders) -> None:
    def prompt(name: str) -> dict[str, Any]:
        text = toy("ToyFile", name=name)
        return {"1": text, "2": widgets(text=["1", 0]), "3": toy("ToyShow", value=["2", 0])}

    assert types(check(prompt("b.safetensors"), folders), "1") == ["value_not_in_list"]
    assert types(check(prompt("../../a"), folders), "1") == ["value_not_in_list"]
    windows = check(prompt("sub\\a.safetensors"), folders)
    assert windows.graph.nodes["1"].inputs["name"] == "sub/a.safetensors"


def test_a_wrapped_list_is_a_constant(folders: Folders) -> None:
    result = check(shown(widgets(text={"__value__": [1, 2]})), folders)
    assert result.error is None


def test_a_chain_of_a_hundred_thousand_is_checked(folders: Folders) -> None:
    prompt = {"0": toy("ToyConstant", value=1)}
    for n in range(1, 100_000):
        prompt[str(n)] = toy("ToyAdd", a=[str(n - 1), 0], b=[str(n - 1), 0])
    prompt["end"] = toy("ToyShow", value=["99999", 0])
    assert check(prompt, folders).outputs == ("end",)
    prompt["0"] = toy("ToyConstant", value="x")
    result = check(prompt, folders)
    assert types(result, "0") == ["invalid_input_type"]
    assert result.node_errors["0"]["dependent_outputs"] == ["end"]


def test_a_prompt_over_the_limit_is_refused_with_the_limit(folders: Folders) -> None:
    prompt = {str(n): toy("ToyConstant", value=1) for n in range(11)}
    error = check(prompt, folders, max_nodes=10).error
    assert error is not None
    assert "11 nodes" in error.message
    assert "at most 10" in error.message


def test_what_is_as_it_was_is_not_checked_again_and_the_answer_is_the_same() -> None:
    data = {
        "a": toy("ToyConstant", value=1),
        "b": toy("ToyConstant", value=2),
        "sum": toy("ToyAdd", a=["a", 0], b=["b", 0]),
        "show": toy("ToyShow", value=["sum", 0]),
    }
    first = validate(read_prompt(data), CATALOGUE, NOWHERE)
    changed = {**data, "b": toy("ToyConstant", value=3)}
    graph = read_prompt(changed, Read(data, first.submitted))
    again = validate(graph, CATALOGUE, NOWHERE, before=first)
    assert again.graph == validate(read_prompt(changed), CATALOGUE, NOWHERE).graph
    assert again.graph.nodes["sum"] is first.graph.nodes["sum"]
    assert again.graph.nodes["b"] is not first.graph.nodes["b"]


@pytest.mark.parametrize(
    "change",
    [
        {"b": toy("ToyFile", name="x")},
        {"b": None},
        {"b": toy("ToyConstant", value=99)},
        {"b": toy("ToyConstant", value="x")},
        {"sum": toy("ToyAdd", a=["b", 0], b=["a", 3])},
    ],
)
def test_a_change_is_found_out_although_the_rest_is_known(change: dict[str, Any]) -> None:
    data = {
        "a": toy("ToyConstant", value=1),
        "b": toy("ToyConstant", value=2),
        "sum": toy("ToyAdd", a=["a", 0], b=["b", 0]),
        "show": toy("ToyShow", value=["sum", 0]),
    }
    first = validate(read_prompt(data), CATALOGUE, NOWHERE)
    changed = {i: n for i, n in {**data, **change}.items() if n is not None}
    again = validate(
        read_prompt(changed, Read(data, first.submitted)),
        CATALOGUE,
        NOWHERE,
        before=first,
    )
    fresh = validate(read_prompt(changed), CATALOGUE, NOWHERE)
    assert fresh.node_errors, "every change here is wrong"
    assert again.node_errors == fresh.node_errors
    assert again.error == fresh.error


def test_one_and_true_are_two_values() -> None:
    first = {"a": toy("ToyWidgets", count=1, text=1, colour="red")}
    graph = read_prompt(first)
    again = read_prompt(
        {"a": toy("ToyWidgets", count=1, text=True, colour="red")}, Read(first, graph)
    )
    assert again.nodes["a"].inputs["text"] is True

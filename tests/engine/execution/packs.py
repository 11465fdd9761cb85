"""Prompts of the toy pack, and what came of them."""

from typing import Any

from engine.formats.api import read_prompt
from engine.graph.checks import custom_problems
from engine.graph.validation import Validation, validate
from tests.engine.execution.bench import Bench, toy

Prompt = dict[str, Any]


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

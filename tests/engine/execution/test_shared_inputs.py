"""A result belongs to everybody: nobody changes it, or is named."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from engine.execution import mutation
from engine.execution.memory import MemoryCache
from engine.graph.definition import (
    Returned,
)
from engine.graph.run import Run
from tests.engine.execution.bench import Bench, toy
from tests.engine.execution.pack import ANY, define, show, shown


def test_a_native_node_cannot_write_into_its_inputs(bench: Bench) -> None:
    def write(inputs: Mapping[str, Any], _: Run) -> Returned:
        inputs["value"]["samples"] = 2
        return Returned((inputs["value"],))

    bench.know(define("Write", {"value": {}}, (ANY,), write))
    prompt = {"c": toy("Const", value={"samples": 1}), "w": toy("Write", value=["c", 0])}
    outcome = bench.run(prompt | show("w"))
    assert "has to make a new value" in outcome.messages[-1][1]["exception_message"]
    assert shown(bench, {"c": prompt["c"]} | show("c")) == [{"samples": 1}]


def test_a_node_with_inputs_of_its_own_may_write_and_nobody_notices(bench: Bench) -> None:
    def write(inputs: Mapping[str, Any], _: Run) -> Returned:
        inputs["value"]["samples"] = 2
        return Returned((inputs["value"]["samples"],))

    bench.know(replace(define("Write", {"value": {}}, (ANY,), write), own_inputs=True))
    prompt = {"c": toy("Const", value={"samples": 1}), "w": toy("Write", value=["c", 0])}
    assert shown(bench, prompt | show("w")) == [2]
    assert shown(bench, {"c": prompt["c"]} | show("c")) == [{"samples": 1}]


def test_a_node_that_writes_into_a_tensor_is_named_when_somebody_watches(bench: Bench) -> None:
    def make(_: Mapping[str, Any], __: Run) -> Returned:
        return Returned((torch.zeros(3),))

    def write(inputs: Mapping[str, Any], _: Run) -> Returned:
        inputs["value"].add_(1)
        return Returned((inputs["value"],))

    bench.know(define("Make", {}, (ANY,), make))
    bench.know(define("Write", {"value": {}, "more": {}}, (ANY,), write))
    bench.executor = bench.make(MemoryCache(1 << 20), watch=mutation)
    prompt = {"m": toy("Make"), "w": toy("Write", value=["m", 0], more=1)} | show("w")
    (warning,) = bench.run(prompt).outputs["w"]["warnings"]
    assert warning.startswith("Write changed its input 'value' in place.")

"""A plan says what a job would do, and does nothing."""

from collections.abc import Mapping
from typing import Any

from engine.execution.foresee import foresee
from engine.graph.definition import Definition, Returned
from engine.graph.run import Run
from tests.engine.execution.bench import Bench, toy
from tests.engine.execution.pack import ANY, Call, Pack, define, show


def light(class_type: str, call: Call, inputs: Mapping[str, Mapping[str, Any]]) -> Definition:
    return define(class_type, inputs, (ANY,), call, light=True)


def test_a_plan_says_what_would_run_and_why_and_runs_nothing(bench: Bench, pack: Pack) -> None:
    prompt = {"c": toy("Const", value=1), "p": toy("Pair", a=["c", 0], b=2)} | show("p")
    plan = foresee(bench.executor, bench.job(prompt))
    assert [(n["node"], n["why"]) for n in plan["run"]] == [(i, "new") for i in ("c", "p", "show")]
    assert pack.calls == []
    bench.run(prompt)
    assert foresee(bench.executor, bench.job(prompt))["run"] == []
    prompt["p"] = toy("Pair", a=["c", 0], b=3)
    plan = foresee(bench.executor, bench.job(prompt))
    assert plan["cached"] == ["c"]
    assert plan["run"][0]["changes"] == [{"input": "b", "from": "2", "to": "3"}]
    assert pack.calls == [{"value": 1}, (0, 1, 2)]


def test_a_plan_tries_light_nodes_for_real(bench: Bench, pack: Pack) -> None:
    bench.know(light("Open", pack.fail, {"value": {}}))
    prompt = {"o": toy("Open", value=1), "p": toy("Pair", a=["o", 0], b=1)} | show("p")
    (problem,) = foresee(bench.executor, bench.job(prompt))["problems"]
    assert (problem["node_id"], problem["exception_message"]) == ("o", "no\n")


def test_a_light_node_behind_a_heavy_one_is_not_tried(bench: Bench, pack: Pack) -> None:
    bench.know(light("Open", pack.fail, {"value": {}}))
    prompt = {"c": toy("Const", value=1), "o": toy("Open", value=["c", 0])} | show("o")
    assert foresee(bench.executor, bench.job(prompt))["problems"] == []
    assert pack.calls == []


def test_what_is_light_is_found_in_one_pass(bench: Bench) -> None:
    tried = []

    def note(inputs: Mapping[str, Any], run: Run) -> Returned:
        tried.append(run.node_id)
        return Returned((1,))

    bench.know(light("Open", note, {"value": {}}))
    # So long that a walk for each node would not end within this test's patience.
    prompt = {"0": toy("Open", value=0)}
    prompt |= {str(n): toy("Open", value=[str(n - 1), 0]) for n in range(1, 20_000)}
    prompt["heavy"] = toy("Const", value=["19999", 0])
    prompt["behind"] = toy("Open", value=["heavy", 0])
    plan = foresee(bench.executor, bench.job(prompt | show("behind")))
    assert len(plan["run"]) == 20_003
    assert sorted(tried, key=int) == [str(n) for n in range(20_000)]

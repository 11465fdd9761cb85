"""Evaluating a graph: lazily, each result once, errors and cancellation told, nothing else lost."""

import threading
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.execution.job import DEVICE_FREE, Event
from engine.graph.native import node
from engine.graph.run import Run
from tests.engine.execution.bench import Bench, toy
from tests.engine.graph.toys import NUMBER


def sum_of(a: float, b: float) -> dict[str, Any]:
    return {
        "a": toy("ToyConstant", value=a),
        "b": toy("ToyConstant", value=b),
        "sum": toy("ToyAdd", a=["a", 0], b=["b", 0]),
        "show": toy("ToyShow", value=["sum", 0]),
    }


def test_values_flow_to_the_output(bench: Bench) -> None:
    outcome = bench.run(sum_of(1, 2))
    assert outcome.status == "success"
    assert outcome.outputs == {"show": {"text": ["3.0"]}}
    assert outcome.meta["show"]["real_node_id"] == "show"


def test_only_what_outputs_need_runs(bench: Bench) -> None:
    bench.run(sum_of(1, 2) | {"idle": toy("ToyConstant", value=9)})
    assert sorted(bench.ran()) == ["a", "b", "show", "sum"]


def test_an_identical_prompt_runs_nothing_and_shows_again(bench: Bench) -> None:
    bench.run(sum_of(1, 2))
    outcome = bench.run(sum_of(1, 2))
    assert bench.ran() == []
    assert sorted(bench.told("execution_cached")[0]["nodes"]) == ["a", "b", "show", "sum"]
    assert [e["output"] for e in bench.told("executed")] == [{"text": ["3.0"]}]
    assert outcome.outputs == {"show": {"text": ["3.0"]}}


def test_a_change_runs_only_what_follows_it(bench: Bench) -> None:
    bench.run(sum_of(1, 2))
    bench.run(sum_of(1, 3))
    assert sorted(bench.ran()) == ["b", "show", "sum"]


def test_going_back_to_a_former_value_runs_nothing(bench: Bench) -> None:
    for b in (2, 3, 2):
        bench.run(sum_of(1, b))
    assert bench.ran() == []


def test_equal_nodes_run_once_and_all_outputs_show(bench: Bench) -> None:
    prompt = sum_of(1, 1) | {"again": toy("ToyShow", value=["sum", 0])}
    outcome = bench.run(prompt)
    classes = sorted(prompt[i]["class_type"] for i in bench.ran())
    assert classes == ["ToyAdd", "ToyConstant", "ToyShow"]
    assert outcome.outputs == {"show": {"text": ["2.0"]}, "again": {"text": ["2.0"]}}


def test_above_a_cached_result_nothing_is_looked_at(bench: Bench) -> None:
    bench.run(sum_of(1, 2))
    bench.executor.cache.drop(bench.executor.asked.keys.nodes["a"])
    bench.run(sum_of(1, 2))
    assert bench.ran() == []


def test_an_async_node_is_awaited(bench: Bench) -> None:
    prompt = {
        "a": toy("ToyConstant", value=1),
        "w": toy("ToyAwait", value=["a", 0]),
        "show": toy("ToyShow", value=["w", 0]),
    }
    assert bench.run(prompt).outputs == {"show": {"text": ["101.0"]}}


def test_an_error_names_its_node_and_keeps_what_is_done(bench: Bench) -> None:
    prompt = sum_of(1, 2)
    prompt["bad"] = toy("ToyFail", value=["sum", 0])
    prompt["show"] = toy("ToyShow", value=["bad", 0])
    outcome = bench.run(prompt)
    assert outcome.status == "error"
    (error,) = bench.told("execution_error")
    assert error["node_id"] == "bad"
    assert error["node_type"] == "ToyFail"
    assert error["exception_type"] == "ValueError"
    assert error["exception_message"] == "3.0 is not to my taste.\n"
    assert error["current_inputs"] == {"value": [3.0]}
    assert sorted(error["executed"]) == ["a", "b", "sum"]
    assert any("is not to my taste" in line for line in error["traceback"])
    assert outcome.messages[-1] == ["execution_error", error]
    bench.run(prompt)
    assert bench.ran() == ["bad"]


def test_a_node_that_returns_too_little_is_told_so(bench: Bench) -> None:
    outcome = bench.run(
        {
            "a": toy("ToyConstant", value=1),
            "b": toy("ToyBroken", value=["a", 0]),
            "show": toy("ToyShow", value=["b", 1]),
        }
    )
    assert "declares 2 outputs but returned 1" in outcome.messages[-1][1]["exception_message"]


def steps_prompt(count: int) -> dict[str, Any]:
    return {
        "a": toy("ToyConstant", value=1),
        "s": toy("ToySteps", value=["a", 0], count=count),
        "show": toy("ToyShow", value=["s", 0]),
    }


def test_progress_is_told_at_each_step(bench: Bench) -> None:
    bench.run(steps_prompt(3))
    assert [(e["value"], e["max"], e["node"]) for e in bench.told("progress")] == [
        (1, 3, "s"),
        (2, 3, "s"),
        (3, 3, "s"),
    ]
    last = {k: v for e in bench.told("progress_state") for k, v in e["nodes"].items()}
    assert {k: v["state"] for k, v in last.items()} == dict.fromkeys(("a", "s", "show"), "finished")


def test_cancelling_stops_within_a_step(bench: Bench) -> None:
    def emit(event: Event) -> None:
        bench.events.append(event)
        if event.type == "progress" and event.data["value"] == 2:
            bench.cancel.set()

    outcome = bench.run(steps_prompt(50), emit)
    assert outcome.status == "interrupted"
    assert len(bench.told("progress")) == 2
    (told,) = bench.told("execution_interrupted")
    assert (told["node_id"], told["node_type"], told["executed"]) == ("s", "ToySteps", ["a"])


def test_events_come_in_order(bench: Bench) -> None:
    bench.run({"a": toy("ToyConstant", value=5), "show": toy("ToyShow", value=["a", 0])})
    kinds = [e.type for e in bench.events if e.type not in ("progress_state", DEVICE_FREE)]
    assert kinds == [
        "execution_start",
        "execution_cached",
        "executing",
        "executing",
        "executed",
        "execution_success",
    ]


def test_independent_branches_run_together(bench: Bench) -> None:
    meet = threading.Barrier(2, timeout=20)

    @node("Meet", category="toys")
    def meeting(*, value: NUMBER, side: int) -> NUMBER:
        meet.wait()  # raises unless the other branch is running now
        return value

    bench.add(meeting)
    outcome = bench.run(
        {
            "a": toy("ToyConstant", value=1),
            "l": toy("Meet", value=["a", 0], side=1),
            "r": toy("Meet", value=["a", 0], side=2),
            "sum": toy("ToyAdd", a=["l", 0], b=["r", 0]),
            "show": toy("ToyShow", value=["sum", 0]),
        }
    )
    assert outcome.status == "success"


def test_the_end_of_a_node_is_told_while_a_long_one_says_nothing(bench: Bench) -> None:
    told = threading.Event()

    @node("Patient", category="toys", lane="device")
    def patient(*, side: int) -> NUMBER:
        assert told.wait(20), "nobody was told that the other node ended"
        return float(side)

    bench.add(patient)

    def emit(event: Event) -> None:
        nodes = event.data.get("nodes") if event.type == "progress_state" else None
        if nodes and nodes.get("show", {}).get("state") == "finished":
            told.set()

    prompt = {
        "long": toy("Patient", side=1),
        "a": toy("ToyConstant", value=1),
        "show": toy("ToyShow", value=["a", 0]),
        "end": toy("ToyShow", value=["long", 0]),
    }
    assert bench.run(prompt, emit).status == "success"


def test_the_device_lane_runs_one_node_at_a_time(bench: Bench) -> None:
    inside = threading.Lock()

    @node("Alone", category="toys", lane="device")
    def alone(*, run: Run, value: NUMBER, side: int) -> NUMBER:
        assert inside.acquire(blocking=False), "two nodes on the device at once"
        run.progress(1, 1)
        inside.release()
        return value

    bench.add(alone)
    prompt = {"a": toy("ToyConstant", value=1)}
    for n in range(8):
        prompt[f"d{n}"] = toy("Alone", value=["a", 0], side=n)
        prompt[f"s{n}"] = toy("ToyShow", value=[f"d{n}", 0])
    assert bench.run(prompt).status == "success"


def test_a_picture_that_was_deleted_is_made_again(bench: Bench) -> None:
    @node("Save", category="toys", output=True)
    def save(*, run: Run, value: NUMBER) -> None:
        run.folders.output.mkdir(exist_ok=True)
        (run.folders.output / "x.png").write_text("x")
        run.show("images", [{"filename": "x.png", "subfolder": "", "type": "output"}])

    bench.add(save)
    prompt = {"a": toy("ToyConstant", value=1), "save": toy("Save", value=["a", 0])}
    bench.run(prompt)
    bench.run(prompt)
    assert bench.ran() == []
    (bench.folders.output / "x.png").unlink()
    bench.run(prompt)
    assert bench.ran() == ["save"]


@st.composite
def sums(draw: st.DrawFn) -> dict[str, Any]:
    prompt = {"0": toy("ToyConstant", value=draw(st.integers(-10, 10)))}
    for n in range(1, draw(st.integers(2, 25))):
        if draw(st.booleans()):
            prompt[str(n)] = toy("ToyConstant", value=draw(st.integers(-10, 10)))
        else:
            a, b = draw(st.integers(0, n - 1)), draw(st.integers(0, n - 1))
            prompt[str(n)] = toy("ToyAdd", a=[str(a), 0], b=[str(b), 0])
    for n in draw(st.sets(st.integers(0, len(prompt) - 1), min_size=1, max_size=4)):
        prompt[f"show{n}"] = toy("ToyShow", value=[str(n), 0])
    return prompt


def evaluate(prompt: dict[str, Any], node_id: str) -> float:
    """The ten-line evaluator: what a graph means, without any engine."""
    inputs = prompt[node_id]["inputs"]
    if prompt[node_id]["class_type"] == "ToyConstant":
        return float(inputs["value"])
    return evaluate(prompt, inputs["a"][0]) + evaluate(prompt, inputs["b"][0])


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(sums())
def test_any_graph_gives_what_it_means_and_runs_no_node_twice(
    bench: Bench, prompt: dict[str, Any]
) -> None:
    outcome = bench.run(prompt)
    expected = {
        i: {"text": [str(evaluate(prompt, n["inputs"]["value"][0]))]}
        for i, n in prompt.items()
        if n["class_type"] == "ToyShow"
    }
    assert outcome.outputs == expected
    assert len(bench.ran()) == len(set(bench.ran()))


def test_a_chain_longer_than_the_recursion_limit_runs(bench: Bench) -> None:
    prompt = {"0": toy("ToyConstant", value=1)}
    for n in range(1, 1500):
        prompt[str(n)] = toy("ToySteps", value=[str(n - 1), 0], count=n % 2)
    prompt["show"] = toy("ToyShow", value=["1499", 0])
    assert bench.run(prompt).outputs == {"show": {"text": ["1.0"]}}

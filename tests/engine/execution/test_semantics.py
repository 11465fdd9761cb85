"""The rules of evaluation beyond a plain graph: lists, lazy inputs, blockers, expansion, async."""

import asyncio
import itertools
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.execution import mutation
from engine.execution.foresee import foresee
from engine.execution.job import DEVICE_FREE, Cancel, Event
from engine.execution.memory import MemoryCache
from engine.graph.definition import (
    UNEVALUATED,
    Blocker,
    Definition,
    Expansion,
    NotYet,
    Returned,
)
from engine.graph.graph import Link, Node
from engine.graph.run import Run
from engine.graph.spec import InputSpec, NodeSpec, OutputSpec
from tests.engine.execution.bench import Bench, toy

Call = Callable[[Mapping[str, Any], Run], Any]


def define(
    class_type: str,
    inputs: Mapping[str, Mapping[str, Any]],
    outputs: tuple[OutputSpec, ...],
    call: Call,
    **more: Any,
) -> Definition:
    """A node class whose inputs are optional sockets of any type with these options."""
    functions = {name: more.pop(name) for name in ("fingerprint", "needs") if name in more}
    spec = NodeSpec(
        class_type,
        class_type,
        "toys",
        tuple(InputSpec(name, "*", False, options) for name, options in inputs.items()),
        outputs,
        **more,
    )
    return Definition(spec, call, **functions)


ANY = OutputSpec("*", "value")
LIST = OutputSpec("*", "values", is_list=True)


class Pack:
    """Toy classes that take note of how they were called."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.different = itertools.count()

    def definitions(self) -> list[Definition]:
        return [
            define("List", {"items": {}}, (LIST,), lambda i, _: Returned((list(i["items"]),))),
            define("Const", {"value": {}}, (ANY,), self.const),
            define("Pair", {"a": {}, "b": {}}, (ANY,), self.pair),
            define("Sum", {"values": {}}, (ANY,), self.sum, input_is_list=True),
            define(
                "Show", {"value": {}}, (), lambda i, _: Returned((), {"text": [i["value"]]}),
                is_output=True,
            ),
            define("Short", {}, (ANY, ANY), lambda i, _: Returned((1,))),
            define("Block", {"value": {}, "why": {}, "only": {}}, (ANY,), self.block),
            define(
                "Switch",
                {"on": {}, "yes": {"lazy": True}, "no": {"lazy": True}},
                (ANY,),
                lambda i, _: Returned((i["yes"] if i["on"] else i["no"],)),
                needs=lambda i, _: ["yes" if i["on"] else "no"],
            ),
            define("Impatient", {"value": {"lazy": True}}, (ANY,), self.impatient),
            define("Raw", {"value": {"rawLink": True}}, (ANY,), self.const),
            define("Power", {"base": {}, "times": {}}, (ANY,), self.power),
            define("Boxes", {"count": {}}, (LIST,), self.boxes),
            define("Sleep", {"value": {}}, (ANY,), self.sleep, lane="loop"),
            define("Later", {"value": {}}, (ANY,), self.sleep),
            define(
                "Moody", {"mood": {}}, (ANY,), self.const,
                fingerprint=lambda i, _: float("nan") if i["mood"] == "bad" else i["mood"],
            ),
            define("Single", {}, (ANY,), self.const, not_idempotent=True),
            define("Fail", {"value": {}}, (ANY,), self.fail),
            define("Keep", {}, (ANY,), self.keep, fingerprint=lambda i, _: float("nan")),
            define("Bad", {"how": {}}, (ANY,), self.bad),
            define("Device", {"value": {}}, (ANY,), self.const, lane="device"),
        ]  # fmt: skip

    def const(self, inputs: Mapping[str, Any], _: Run) -> Returned:
        self.calls.append(dict(inputs))
        return Returned((inputs.get("value"),))

    def pair(self, inputs: Mapping[str, Any], run: Run) -> Returned:
        self.calls.append((run.list_index, inputs["a"], inputs["b"]))
        return Returned(((inputs["a"], inputs["b"]),), {"seen": [run.list_index]})

    def sum(self, inputs: Mapping[str, Any], _: Run) -> Returned:
        self.calls.append(inputs["values"])
        return Returned((sum(inputs["values"]),))

    def block(self, inputs: Mapping[str, Any], _: Run) -> Returned:
        blocked = inputs["value"] == inputs.get("only", inputs["value"])
        return Returned((Blocker(inputs["why"]) if blocked else inputs["value"],))

    def impatient(self, inputs: Mapping[str, Any], _: Run) -> Returned:
        self.calls.append(inputs["value"] is UNEVALUATED)
        if inputs["value"] is UNEVALUATED:
            raise NotYet(["value"])
        return Returned((inputs["value"],))

    def power(self, inputs: Mapping[str, Any], run: Run) -> Returned:
        """A loop by expansion: multiplies and puts itself, with one turn less, in its place."""
        self.calls.append(inputs["times"])
        if inputs["times"] == 0:
            return Returned((1,))
        rest = Node(
            f"{run.node_id}.r", "Power", {"base": inputs["base"], "times": inputs["times"] - 1}
        )
        product = Node(f"{run.node_id}.m", "Times", {"a": inputs["base"], "b": Link(rest.id, 0)})
        return Returned(
            (Link(product.id, 0),), expansion=Expansion({n.id: n for n in (rest, product)})
        )

    def boxes(self, inputs: Mapping[str, Any], run: Run) -> Returned:
        nodes = {
            f"{run.node_id}.{n}": Node(f"{run.node_id}.{n}", "Const", {"value": n})
            for n in range(inputs["count"])
        }
        return Returned(([Link(i, 0) for i in nodes],), expansion=Expansion(nodes))

    async def sleep(self, inputs: Mapping[str, Any], _: Run) -> Returned:
        await asyncio.sleep(0)
        return Returned((inputs["value"],))

    def keep(self, _: Mapping[str, Any], run: Run) -> Returned:
        return Returned((run.instance(lambda: next(self.different)),))

    def fail(self, inputs: Mapping[str, Any], _: Run) -> Returned:
        raise ValueError("no")

    def bad(self, inputs: Mapping[str, Any], run: Run) -> Returned:
        node = {
            "class": Node("new", "Unheard", {}),
            "id": Node(run.node_id, "Const", {}),
            "link": Node("new", "Const", {"value": Link("nowhere", 0)}),
            "result": Node("new", "Const", {"value": 1}),
            "cycle": Node("new", "Const", {"value": Link("new", 0)}),
        }[inputs["how"]]
        target = "gone" if inputs["how"] == "result" else node.id
        return Returned((Link(target, 0),), expansion=Expansion({node.id: node}))


def times(inputs: Mapping[str, Any], _: Run) -> Returned:
    return Returned((inputs["a"] * inputs["b"],))


@pytest.fixture
def pack() -> Pack:
    return Pack()


@pytest.fixture
def bench(tmp_path: Path, pack: Pack) -> Any:
    extra = [*pack.definitions(), define("Times", {"a": {}, "b": {}}, (ANY,), times)]
    found = Bench(tmp_path, extra)
    yield found
    found.executor.close()


def shown(bench: Bench, prompt: dict[str, Any], **extra: Any) -> Any:
    """What the node "show" showed."""
    outcome = bench.run(prompt, **extra)
    assert outcome.status == "success", outcome.messages
    return outcome.outputs.get("show", {}).get("text")


def show(source: str, slot: int = 0) -> dict[str, Any]:
    return {"show": toy("Show", value=[source, slot])}


def const_list(*items: Any) -> dict[str, Any]:
    return toy("List", items={"__value__": list(items)})


# Lists


def test_a_node_is_called_for_each_element_and_the_shorter_list_repeats_its_last(
    bench: Bench, pack: Pack
) -> None:
    prompt = {
        "l": const_list(0, 1, 2),
        "m": const_list(10, 11),
        "p": toy("Pair", a=["l", 0], b=["m", 0]),
    }
    assert shown(bench, prompt | show("p")) == [(0, 10), (1, 11), (2, 11)]
    assert pack.calls == [(0, 0, 10), (1, 1, 11), (2, 2, 11)]
    assert bench.told("executed")[0]["output"] == {"seen": [0, 1, 2]}


def test_a_node_that_takes_lists_is_called_once(bench: Bench, pack: Pack) -> None:
    prompt = {"l": const_list(1, 2, 3), "s": toy("Sum", values=["l", 0])}
    assert shown(bench, prompt | show("s")) == [6]
    assert pack.calls == [[1, 2, 3]]


def test_an_empty_list_means_no_call_and_empty_outputs(bench: Bench, pack: Pack) -> None:
    prompt = {
        "l": const_list(),
        "m": const_list(1, 2),
        "p": toy("Pair", a=["l", 0], b=["m", 0]),
        "s": toy("Sum", values=["p", 0]),
    }
    assert shown(bench, prompt | show("s")) == [0]
    assert pack.calls == [[]]
    assert shown(bench, prompt | show("p")) is None


def test_missing_outputs_reach_consumers_as_none(bench: Bench) -> None:
    assert shown(bench, {"s": toy("Short")} | show("s", 1)) == [None]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.integers(), min_size=1), st.lists(st.integers(), min_size=1))
def test_zipping_is_what_the_one_liner_says(
    bench: Bench, left: list[int], right: list[int]
) -> None:
    prompt = {
        "l": const_list(*left),
        "m": const_list(*right),
        "p": toy("Pair", a=["l", 0], b=["m", 0]),
    }
    n = max(len(left), len(right))
    expected = [(left[min(i, len(left) - 1)], right[min(i, len(right) - 1)]) for i in range(n)]
    assert shown(bench, prompt | show("p")) == expected


# Lazy inputs


def switch(on: bool) -> dict[str, Any]:
    return {
        "on": toy("Const", value=on),
        "y": toy("Const", value="yes"),
        "n": toy("Const", value="no"),
        "s": toy("Switch", on=["on", 0], yes=["y", 0], no=["n", 0]),
    } | show("s")


def test_only_the_side_that_is_asked_for_is_evaluated(bench: Bench) -> None:
    assert shown(bench, switch(on=True)) == ["yes"]
    assert sorted(bench.ran()) == ["on", "s", "s", "show", "y"]
    assert shown(bench, switch(on=False)) == ["no"]
    assert "y" not in bench.ran()


def test_a_lazy_input_that_is_cached_is_there_at_once(bench: Bench) -> None:
    bench.run({"y": toy("Const", value="yes")} | show("y"))
    assert shown(bench, switch(on=True)) == ["yes"]
    assert bench.ran().count("y") == 0


def test_a_lazy_constant_needs_no_asking(bench: Bench) -> None:
    prompt = {"s": toy("Switch", on=True, yes="constant")} | show("s")
    assert shown(bench, prompt) == ["constant"]


def test_asking_for_an_input_that_is_not_linked_is_an_error(bench: Bench) -> None:
    outcome = bench.run(
        {"n": toy("Const", value=1), "s": toy("Switch", on=True, no=["n", 0])} | show("s")
    )
    assert "asks for its input 'yes'" in outcome.messages[-1][1]["exception_message"]


def test_a_call_may_ask_in_the_middle_and_is_made_again(bench: Bench, pack: Pack) -> None:
    prompt = {"c": toy("Const", value=5), "i": toy("Impatient", value=["c", 0])} | show("i")
    assert shown(bench, prompt) == [5]
    assert [c for c in pack.calls if isinstance(c, bool)] == [True, False]


def test_a_raw_link_is_passed_as_it_is(bench: Bench) -> None:
    prompt = {"c": toy("Const", value=5), "r": toy("Raw", value=["c", 0])} | show("r")
    assert shown(bench, prompt) == [["c", 0]]


# Blockers


def test_what_takes_a_blocker_is_not_called_and_the_job_succeeds(bench: Bench, pack: Pack) -> None:
    prompt = {
        "b": toy("Block", value=1, why="not today"),
        "p": toy("Pair", a=["b", 0], b=2),
        "q": toy("Pair", a=["p", 0], b=2),
    } | show("q")
    outcome = bench.run(prompt)
    assert outcome.status == "success"
    assert pack.calls == []
    assert outcome.outputs == {}
    (error,) = bench.told("execution_error")
    assert error["exception_message"] == "Execution Blocked: not today"
    assert error["node_id"] == "p"
    assert ["execution_error", error] in outcome.messages
    bench.run(prompt)
    assert bench.told("execution_error") == []


def test_a_silent_blocker_is_silent(bench: Bench) -> None:
    outcome = bench.run(
        {"b": toy("Block", value=1, why=None), "p": toy("Pair", a=["b", 0], b=2)} | show("p")
    )
    assert outcome.status == "success"
    assert bench.told("execution_error") == []


def test_only_blocked_elements_are_left_out(bench: Bench, pack: Pack) -> None:
    prompt = {
        "l": const_list(1, 2),
        "b": toy("Block", value=["l", 0], why=None, only=1),
        "p": toy("Pair", a=["b", 0], b=10),
        "s": toy("Sum", values=["b", 0]),
    }
    assert shown(bench, prompt | show("p")) == [(2, 10)]
    assert pack.calls == [(1, 2, 10)]
    assert shown(bench, prompt | show("s")) is None, "one blocked element blocks a list node"


# Expansion


def test_a_node_may_put_a_graph_in_its_place(bench: Bench) -> None:
    assert shown(bench, {"p": toy("Power", base=3, times=4)} | show("p")) == [81]
    (first, *_) = [e for e in bench.told("executing") if e["node"] == "p.r"]
    assert first["display_node"] == "p"
    states = {k: v for e in bench.told("progress_state") for k, v in e["nodes"].items()}
    assert states["p.r.m"]["parent_node_id"] == "p.r"
    assert states["p.r.m"]["real_node_id"] == "p"


def test_an_expansion_is_cached_as_its_parent_and_in_its_parts(bench: Bench, pack: Pack) -> None:
    shown(bench, {"p": toy("Power", base=3, times=4)} | show("p"))
    pack.calls.clear()
    assert shown(bench, {"p": toy("Power", base=3, times=4)} | show("p")) == [81]
    assert bench.ran() == []
    assert shown(bench, {"p": toy("Power", base=3, times=5)} | show("p")) == [243]
    assert pack.calls == [5], "what a turn less gives was there"


def test_a_long_loop_needs_no_deep_stack(bench: Bench) -> None:
    assert shown(bench, {"p": toy("Power", base=1, times=400)} | show("p")) == [1]


def test_a_list_of_expanded_results(bench: Bench) -> None:
    prompt = {"b": toy("Boxes", count=3), "s": toy("Sum", values=["b", 0])}
    assert shown(bench, prompt | show("s")) == [3]
    assert shown(bench, {"b": toy("Boxes", count=0)} | show("b")) is None


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("class", "a 'Unheard', which is not installed"),
        ("id", "there is one of that name already"),
        ("link", "linked to node 'nowhere', which does not exist"),
        ("result", "an output of node 'gone', which is not in its expansion"),
        ("cycle", "Dependency cycle"),
    ],
)
def test_a_broken_expansion_is_said_to_be_one(bench: Bench, how: str, message: str) -> None:
    outcome = bench.run({"b": toy("Bad", how=how)} | show("b"))
    assert outcome.status == "error"
    assert message in outcome.messages[-1][1]["exception_message"]


def test_an_error_inside_an_expansion_is_told_of_the_node_that_people_see(bench: Bench) -> None:
    def wrap(inputs: Mapping[str, Any], run: Run) -> Returned:
        inner = Node("inner", "Fail", {"value": 1})
        return Returned((Link("inner", 0),), expansion=Expansion({"inner": inner}))

    bench.know(define("Wrap", {}, (ANY,), wrap))
    outcome = bench.run({"w": toy("Wrap")} | show("w"))
    assert outcome.messages[-1][1]["node_id"] == "w"
    assert outcome.messages[-1][1]["node_type"] == "Fail"


# Async


def test_async_nodes_run_together(bench: Bench) -> None:
    gate = asyncio.Barrier(3)

    async def meet(inputs: Mapping[str, Any], _: Run) -> Returned:
        await asyncio.wait_for(gate.wait(), 20)
        return Returned((inputs["value"],))

    meeting = define("Meet", {"value": {}}, (ANY,), meet, lane="loop")
    bench.know(meeting)
    prompt = {
        "l": const_list(1, 2),
        "m": toy("Meet", value=["l", 0]),
        "n": toy("Meet", value=3),
        "s": toy("Sum", values=["m", 0]),
        "t": toy("Times", a=["s", 0], b=["n", 0]),
    }
    assert shown(bench, prompt | show("t")) == [9]


def test_an_awaitable_from_a_node_on_a_thread_is_awaited(bench: Bench) -> None:
    assert shown(bench, {"l": toy("Later", value=4)} | show("l")) == [4]


def test_cancelling_ends_an_async_node(bench: Bench) -> None:
    async def forever(inputs: Mapping[str, Any], _: Run) -> Returned:
        bench.cancel.set()
        await asyncio.Event().wait()
        return Returned((1,))

    endless = define("Forever", {}, (ANY,), forever, lane="loop")
    bench.know(endless)
    assert bench.run({"f": toy("Forever")} | show("f")).status == "interrupted"


# What decides whether a node runs again


def test_a_fingerprint_that_differs_runs_the_node_again(bench: Bench) -> None:
    prompt = {"m": toy("Moody", mood="good")} | show("m")
    bench.run(prompt)
    bench.run(prompt)
    assert bench.ran() == []
    bad = {"m": toy("Moody", mood="bad")} | show("m")
    bench.run(bad)
    bench.run(bad)
    assert bench.ran() == ["m", "show"], "NaN differs from itself"


def test_a_node_that_is_not_idempotent_is_not_shared(bench: Bench, pack: Pack) -> None:
    prompt = {"a": toy("Single"), "b": toy("Single"), "p": toy("Pair", a=["a", 0], b=["b", 0])}
    bench.run(prompt | show("p"))
    assert sorted(bench.ran()) == ["a", "b", "p", "show"]
    bench.run(prompt | show("p"))
    assert bench.ran() == []


def test_what_a_node_keeps_stays_between_prompts(bench: Bench) -> None:
    prompt = {"k": toy("Keep")} | show("k")
    assert shown(bench, prompt) == shown(bench, prompt) == [0]


# Failures and jobs side by side


def test_branches_that_do_not_depend_on_a_failure_are_finished(bench: Bench) -> None:
    prompt = {
        "f": toy("Fail", value=1),
        "g": toy("Fail", value=2),
        "x": toy("Show", value=["f", 0]),
        "y": toy("Show", value=["g", 0]),
        "c": toy("Const", value=7),
    } | show("c")
    outcome = bench.run(prompt)
    assert outcome.status == "error"
    assert outcome.outputs == {"show": {"text": [7]}}
    assert sorted(e["node_id"] for e in bench.told("execution_error")) == ["f", "g"]


def test_the_same_result_asked_for_by_two_jobs_is_computed_once(bench: Bench) -> None:
    began, go = threading.Event(), threading.Event()
    count = itertools.count()

    def slow(inputs: Mapping[str, Any], _: Run) -> Returned:
        next(count)
        began.set()
        assert go.wait(20)
        return Returned((1,))

    bench.know(define("Slow", {}, (ANY,), slow))
    prompt = {"s": toy("Slow")} | show("s")
    waiting = threading.Event()

    def listen(event: Event) -> None:
        if event.type == "execution_cached":
            waiting.set()

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(bench.executor.run, bench.job(prompt, "1"), lambda _: None, Cancel())
        assert began.wait(20)
        two = pool.submit(bench.executor.run, bench.job(prompt, "2"), listen, Cancel())
        assert waiting.wait(20)
        go.set()
        assert one.result(20).outputs == two.result(20).outputs == {"show": {"text": [1]}}
    assert next(count) == 1


def test_a_job_whose_neighbour_failed_tries_itself(bench: Bench) -> None:
    began, go = threading.Event(), threading.Event()
    turns = itertools.count()

    def flaky(inputs: Mapping[str, Any], _: Run) -> Returned:
        if next(turns) == 0:
            began.set()
            assert go.wait(20)
            raise ValueError("the first time it fails")
        return Returned((1,))

    bench.know(define("Flaky", {}, (ANY,), flaky))
    prompt = {"s": toy("Flaky")} | show("s")
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(bench.executor.run, bench.job(prompt, "1"), lambda _: None, Cancel())
        assert began.wait(20)
        two = pool.submit(bench.executor.run, bench.job(prompt, "2"), lambda _: None, Cancel())
        go.set()
        assert one.result(20).status == "error"
        assert two.result(20).status == "success"


def test_the_device_is_said_to_be_free_when_only_other_work_is_left(bench: Bench) -> None:
    bench.run({"d": toy("Device", value=1)} | show("d"))
    types = [(e.type, e.data.get("node")) for e in bench.events]
    free = types.index((DEVICE_FREE, None))
    assert types.index(("executing", "d")) < free < types.index(("executed", "show"))


# Why nodes ran


def test_the_ledger_says_what_ran_and_why(bench: Bench) -> None:
    prompt = {"c": toy("Const", value=1), "p": toy("Pair", a=["c", 0], b=2)} | show("p")
    first = bench.run(prompt).ledger
    assert {i: n["why"] for i, n in first["nodes"].items()} == dict.fromkeys(
        ("c", "p", "show"), "new"
    )
    again = bench.run(prompt).ledger
    assert again["nodes"] == {}
    assert again["cached"] == ["show"]
    prompt["c"] = toy("Const", value=3)
    third = bench.run(prompt).ledger["nodes"]
    assert third["c"]["why"] == "changed"
    assert third["c"]["changes"] == [{"input": "value", "from": "1", "to": "3"}]
    assert third["p"]["changes"] == [{"input": "a"}]
    assert third["p"]["why"] == "upstream"
    bench.executor.cache.clear()
    assert bench.run(prompt).ledger["nodes"]["c"]["why"] == "evicted"


def test_documents_are_compared_with_their_own_past(bench: Bench) -> None:
    prompt = {"c": toy("Const", value=1)} | show("c")
    bench.run(prompt, extra_pnginfo={"workflow": {"id": "one"}})
    prompt["c"] = toy("Const", value=2)
    other = bench.run(prompt, extra_pnginfo={"workflow": {"id": "two"}})
    assert other.ledger["nodes"]["c"]["why"] == "new"


def test_results_do_not_have_to_fit_into_the_cache(bench: Bench) -> None:
    bench.executor = bench.make(MemoryCache(0))
    prompt = {"c": toy("Const", value=2), "t": toy("Times", a=["c", 0], b=["c", 0])} | show("t")
    assert shown(bench, prompt) == [4]
    assert shown(bench, prompt) == [4]
    assert sorted(bench.ran()) == ["c", "show", "t"]


# Inputs belong to everybody


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


# Plans


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

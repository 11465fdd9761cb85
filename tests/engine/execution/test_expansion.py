"""A node may put a graph in its place."""

from collections.abc import Mapping
from typing import Any

import pytest

from engine.graph.definition import (
    Expansion,
    Returned,
)
from engine.graph.graph import Link, Node
from engine.graph.run import Run
from tests.engine.execution.bench import Bench, toy
from tests.engine.execution.pack import ANY, Pack, define, show, shown


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

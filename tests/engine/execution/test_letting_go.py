"""Results that nobody caches are held until those who need them have run, and no longer."""

import weakref
from typing import Any

import pytest

from engine.execution.modes import CacheMode
from engine.execution.tiers import make_cache
from engine.graph.definition import Definition, Expansion, Returned
from engine.graph.graph import Link, Node
from tests.engine.execution.bench import Bench, toy
from tests.engine.execution.pack import ANY, define


class Big:
    """A value that can be seen to be gone."""


class Watch:
    """``Make`` gives a new value, ``Pass`` too; both note which values are alive just then."""

    def __init__(self) -> None:
        self.made: list[weakref.ref[Big]] = []
        self.alive: list[int] = []

    def make(self, _: Any, __: Any) -> Returned:
        self.alive.append(sum(one() is not None for one in self.made))
        value = Big()
        self.made.append(weakref.ref(value))
        return Returned((value,))

    def grow(self, _: Any, __: Any) -> Returned:
        """Two nodes in its place; the result is of the first, which the second has used."""
        nodes = {
            "x": Node("x", "Const", {"value": "first"}),
            "y": Node("y", "Pass", {"value": Link("x", 0)}),
        }
        return Returned((Link("x", 0), Link("y", 0)), expansion=Expansion(nodes))

    def definitions(self) -> list[Definition]:
        return [
            define("Make", {"seed": {}}, (ANY,), self.make),
            define("Pass", {"value": {}, "other": {}}, (ANY,), self.make),
            define("End", {"value": {}}, (), lambda _, __: Returned(()), is_output=True),
            define("Grow", {"seed": {}}, (ANY, ANY), self.grow),
        ]


@pytest.fixture
def watch(bench: Bench, tmp_path: Any) -> Watch:
    found = Watch()
    for definition in found.definitions():
        bench.know(definition)
    bench.executor = bench.make(make_cache(CacheMode("none"), 1 << 20, tmp_path / "c", "s"))
    return found


def chain(length: int) -> dict[str, Any]:
    steps = {str(n): toy("Pass", value=[str(n - 1), 0]) for n in range(1, length)}
    return {"0": toy("Make"), **steps, "end": toy("End", value=[str(length - 1), 0])}


def test_in_a_chain_two_values_are_alive_at_most(bench: Bench, watch: Watch) -> None:
    assert bench.run(chain(20)).status == "success"
    assert len(watch.alive) == 20
    assert max(watch.alive) <= 2


def test_a_value_lives_until_the_last_who_needs_it_has_run(bench: Bench, watch: Watch) -> None:
    prompt = chain(6) | {"late": toy("Pass", value=["5", 0], other=["0", 0])}
    prompt["end"] = toy("End", value=["late", 0])
    assert bench.run(prompt).status == "success"
    assert watch.alive[-1] >= 2, "the first and the last of the chain"


def test_a_failing_branch_takes_nothing_from_the_other(bench: Bench, watch: Watch) -> None:
    def fail(_: Any, __: Any) -> Returned:
        raise ValueError("no")

    bench.know(define("Fail", {"value": {}}, (ANY,), fail))
    prompt = {
        "0": toy("Make"),
        "bad": toy("Fail", value=["0", 0]),
        "worse": toy("Fail", value=["0", 0]),
        "both": toy("Pass", value=["bad", 0], other=["worse", 0]),
        "e1": toy("End", value=["both", 0]),
        "good": toy("Pass", value=["0", 0]),
        "e2": toy("End", value=["good", 0]),
    }
    outcome = bench.run(prompt)
    assert outcome.status == "error"
    assert "good" in bench.ran()
    assert "e2" in bench.ran()


def test_the_result_of_an_expansion_is_held_although_others_have_used_it(
    bench: Bench, watch: Watch
) -> None:
    prompt = {"g": toy("Grow"), "show": toy("Show", value=["g", 0])}
    prompt["e"] = toy("End", value=["g", 1])
    assert bench.run(prompt).outputs["show"] == {"text": ["first"]}

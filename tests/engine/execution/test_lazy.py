"""Lazy inputs are evaluated when a node asks for them, and not before."""

from tests.engine.execution.bench import Bench, toy
from tests.engine.execution.pack import Pack, show, shown, switch


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

"""What decides whether a node runs again."""

from tests.engine.execution.bench import Bench, toy
from tests.engine.execution.pack import Pack, show, shown


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

"""The ledger: what ran, and why."""

from engine.execution.memory import MemoryCache
from tests.engine.execution.bench import Bench, toy
from tests.engine.execution.pack import show, shown


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

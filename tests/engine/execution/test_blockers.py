"""A blocker keeps what takes it from being run; the job goes on."""

from tests.engine.execution.bench import Bench, toy
from tests.engine.execution.pack import Pack, const_list, show, shown


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

"""What a job would do, said without doing it and without a trace."""

from typing import Any

import pytest

from engine.execution.foresee import foresee
from engine.execution.memory import MemoryCache
from engine.graph.definition import NodeError
from engine.graph.native import node
from tests.engine.execution.bench import Bench, toy
from tests.engine.graph.toys import NUMBER


def chain(value: float, light: str = "Light") -> dict[str, Any]:
    return {
        "1": toy("ToyConstant", value=value),
        "2": toy(light, value=2.0),
        "sum": toy("ToyAdd", a=["1", 0], b=["2", 0]),
        "show": toy("ToyShow", value=["sum", 0]),
    }


@node("Light", category="toys", light=True)
def light(*, value: float) -> NUMBER:
    """Costs nothing, so a plan tries it."""
    return value


@node("Picky", category="toys", light=True)
def picky(*, value: float) -> NUMBER:
    """Light, and never content."""
    raise NodeError(f"{value} does not fit.")


@pytest.fixture
def tried(bench: Bench) -> Bench:
    bench.add(light, picky)
    return bench


def plan(bench: Bench, prompt: dict[str, Any]) -> dict[str, Any]:
    return foresee(bench.executor, bench.job(prompt, "plan"))


def test_what_would_run_comes_sources_first_with_its_reasons(tried: Bench) -> None:
    tried.run(chain(1.0))
    found = plan(tried, chain(1.5))
    assert [item["node"] for item in found["run"]] == ["1", "sum", "show"]
    assert found["cached"] == ["2"]
    assert found["run"][0]["changes"] == [{"input": "value", "from": "1.0", "to": "1.5"}]
    assert found["problems"] == []


def test_nothing_would_run_of_what_is_there(tried: Bench) -> None:
    tried.run(chain(1.0))
    assert plan(tried, chain(1.0)) == {"run": [], "cached": ["show"], "problems": [], "notes": {}}


def test_a_light_node_is_really_tried(tried: Bench) -> None:
    (problem,) = plan(tried, chain(1.0, "Picky"))["problems"]
    assert problem["node_id"] == "2"
    assert "2.0 does not fit." in problem["exception_message"]


def test_a_plan_leaves_no_trace(tried: Bench) -> None:
    tried.run(chain(1.0))
    other = {**chain(1.0), "2": toy("Light", value=3.0)}
    assert plan(tried, other) == plan(tried, other), "not even a result"
    ledger = tried.run(other).ledger
    assert ledger["nodes"]["2"]["why"] == "changed"
    assert sorted(tried.ran()) == ["2", "show", "sum"]


def test_a_plan_is_no_prompt_to_a_cache_that_counts_them(tried: Bench) -> None:
    tried.executor = tried.make(MemoryCache(1 << 20, prompts=1))
    tried.run(chain(1.0))
    plan(tried, {**chain(5.0), "2": toy("Light", value=3.0)})
    tried.run(chain(1.0))
    assert tried.ran() == [], "the last prompt's results are still there"

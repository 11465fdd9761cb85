"""A value is a list of elements: how lists become calls, and calls lists."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.execution.bench import Bench, toy
from tests.engine.execution.pack import Pack, const_list, show, shown


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

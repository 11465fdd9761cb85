"""The API format: read into a Graph, written from it, and never anything but a clear error."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.formats.api import PromptError, read_prompt, write_prompt
from engine.graph.graph import Link

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
)


def test_a_pair_of_text_and_number_is_a_link() -> None:
    graph = read_prompt({"2": {"class_type": "A", "inputs": {"x": ["1", 0], "y": ["1", 2.0]}}})
    assert graph.nodes["2"].inputs == {"x": Link("1", 0), "y": Link("1", 2)}


@pytest.mark.parametrize(
    "value", [["1"], ["1", "0"], [1, 0], ["1", True], ["1", 0, 0], ["1", 1e99]]
)
def test_any_other_list_stays_what_it_is(value: list[Any]) -> None:
    assert (
        read_prompt({"2": {"class_type": "A", "inputs": {"x": value}}}).nodes["2"].inputs["x"]
        == value
    )


def test_a_wrapped_list_is_a_constant() -> None:
    graph = read_prompt({"2": {"class_type": "A", "inputs": {"x": {"__value__": ["1", 0]}}}})
    assert graph.nodes["2"].inputs["x"] == ("1", 0)
    assert write_prompt(graph)["2"]["inputs"]["x"] == {"__value__": ["1", 0]}


def test_the_title_is_kept() -> None:
    prompt = {"2": {"class_type": "A", "inputs": {}, "_meta": {"title": "Mine"}}}
    assert write_prompt(read_prompt(prompt)) == prompt


@pytest.mark.parametrize("prompt", [None, [], "x", 3, {"1": []}, {"1": {"inputs": []}}])
def test_what_is_no_graph_is_an_error(prompt: Any) -> None:
    with pytest.raises(PromptError):
        read_prompt(prompt)


@given(json_values | st.dictionaries(st.text(max_size=3), json_values, max_size=3))
def test_any_json_is_a_graph_or_an_error(data: Any) -> None:
    try:
        graph = read_prompt(data)
    except PromptError:
        return
    assert set(write_prompt(graph)) == set(data)


links = st.tuples(st.text(max_size=3), st.integers(0, 9)).map(list)
constants = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | links
nodes = st.fixed_dictionaries(
    {"class_type": st.text(max_size=5), "inputs": st.dictionaries(st.text(max_size=5), constants)}
)


@given(st.dictionaries(st.text(max_size=3), nodes, max_size=5))
def test_reading_what_was_written_gives_the_same_graph(prompt: dict[str, Any]) -> None:
    graph = read_prompt(prompt)
    assert read_prompt(write_prompt(graph)) == graph
    assert write_prompt(graph) == prompt

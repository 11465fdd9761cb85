"""Graphs on their way to a worker: whichever way they go, what arrives is what was sent."""

import io
import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.formats.api import write_prompt
from engine.graph.graph import Graph, Link, Node
from engine.queue.graphs import Receiver, Sender
from engine.queue.job import Claim
from engine.queue.protocol import read

LARGE = 120


def graph(values: Iterable[Any]) -> Graph:
    nodes = [Node(str(n), "Toy", {"value": v}) for n, v in enumerate(values)]
    rest = [Node(str(n), "Toy", {"value": Link(str(n - 1), 0)}) for n in range(len(nodes), LARGE)]
    return Graph({node.id: node for node in (*nodes, *rest)})


def with_node(before: Graph, node: Node) -> Graph:
    return Graph({**before.nodes, node.id: node})


def sent(sender: Sender, some: Graph, *, known: bool = True) -> dict[str, Any]:
    """The message of the frame for an attempt at this graph."""
    text = json.dumps(write_prompt(some))
    claim = Claim(1, "a", 1, None, text, "[]", "{}", some if known else None)
    frame = read(io.BytesIO(sender.packed(claim)))
    assert frame is not None
    return dict(frame.message)


def test_of_a_graph_that_is_known_only_what_changed_is_sent() -> None:
    sender, receiver = Sender(), Receiver()
    first = graph([1])
    old = receiver.job(sent(sender, first)).graph
    second = with_node(first, Node("0", "Toy", {"value": 2}))
    message = sent(sender, second)
    assert message["changed"] == {"0": {"class_type": "Toy", "inputs": {"value": 2}}}
    new = receiver.job(message).graph
    assert new == second
    assert [i for i in new.nodes if new.nodes[i] is not old.nodes[i]] == ["0"]


def test_the_same_graph_again_is_the_same_object() -> None:
    sender, receiver = Sender(), Receiver()
    some = graph([1])
    assert receiver.job(sent(sender, some)).graph is receiver.job(sent(sender, some)).graph


def test_a_graph_from_the_disk_is_sent_whole_and_so_is_the_next() -> None:
    sender, receiver = Sender(), Receiver()
    some = graph([1])
    receiver.job(sent(sender, some))
    for known in (False, True):
        message = sent(sender, some, known=known)
        assert "prompt" in message
        assert receiver.job(message).graph == some


def test_changes_of_nothing_are_an_error() -> None:
    with pytest.raises(RuntimeError, match="never sent"):
        Receiver().job({"job": "a", "changed": {}, "outputs": [], "extra": {}})


values = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from([1.0, "1"])
steps = st.one_of(
    st.tuples(st.just("whole"), st.lists(values, max_size=3)),
    st.tuples(st.just("node"), st.tuples(st.integers(0, LARGE + 1), values)),
    st.tuples(st.just("small"), values),
    st.tuples(st.just("disk"), st.none()),
)


@settings(max_examples=30)
@given(st.lists(steps, max_size=6))
def test_what_arrives_is_what_was_sent_whatever_went_before(
    history: list[tuple[str, Any]],
) -> None:
    sender, receiver, some = Sender(), Receiver(), graph([0])
    for kind, what in history:
        if kind == "whole":
            some = graph(what)
        elif kind == "node":
            some = with_node(some, Node(str(what[0]), "Toy", {"value": what[1]}))
        sending = Graph({"0": Node("0", "Toy", {"value": what})}) if kind == "small" else some
        arrived = receiver.job(sent(sender, sending, known=kind != "disk")).graph
        assert repr(arrived) == repr(sending)

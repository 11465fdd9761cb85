"""What is remembered of the last job's graph: never anything but what the graph itself says."""

from hypothesis import given
from hypothesis import strategies as st

from engine.execution.asked import Asked
from engine.graph.graph import Graph, Link, Node

IDS = [str(n) for n in range(6)]
values = st.integers(0, 1) | st.sampled_from(IDS).map(lambda i: Link(i, 0))
nodes = st.fixed_dictionaries({i: st.dictionaries(st.sampled_from("ab"), values) for i in IDS})


def graph(inputs: dict[str, dict[str, object]], before: Graph | None = None) -> Graph:
    """Links lead backwards only; what is as before is the same object."""
    made = {}
    for i, given_ in inputs.items():
        kept = {k: v for k, v in given_.items() if not isinstance(v, Link) or v.node < i}
        node = Node(i, "Toy", kept)
        known = None if before is None else before.nodes[i]
        made[i] = known if known is not None and repr(known) == repr(node) else node
    return Graph(made)


@given(nodes, st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from("ab"), values), max_size=4))
def test_the_order_after_changes_is_that_of_the_new_graph(
    inputs: dict[str, dict[str, object]], changes: list[tuple[str, str, object]]
) -> None:
    first = graph(inputs)
    outputs = ("5", "3")
    asked = Asked(first, outputs, tuple(first.needed(outputs)))
    for node_id, name, value in changes:
        inputs = {**inputs, node_id: {**inputs[node_id], name: value}}
    second = graph(inputs, first)
    assert asked.order(second, outputs) == tuple(second.needed(outputs))
    assert asked.order(second, ("4",)) == tuple(second.needed(("4",)))

"""Walking graphs: sources before consumers, cycles found, nothing recursive."""

from hypothesis import given
from hypothesis import strategies as st

from engine.graph.graph import Graph, Link, Node


def graph_of(edges: dict[str, list[str]]) -> Graph:
    """``{consumer: [sources]}``."""
    return Graph(
        {
            node_id: Node(node_id, "Toy", {f"i{n}": Link(s, 0) for n, s in enumerate(sources)})
            for node_id, sources in edges.items()
        }
    )


@st.composite
def dags(draw: st.DrawFn) -> Graph:
    count = draw(st.integers(1, 30))
    return graph_of(
        {
            str(n): [str(draw(st.integers(0, n - 1))) for _ in range(draw(st.integers(0, 3)))]
            if n
            else []
            for n in range(count)
        }
    )


@given(dags(), st.data())
def test_sources_come_before_consumers_and_nothing_else_comes(
    graph: Graph, data: st.DataObject
) -> None:
    target = data.draw(st.sampled_from(sorted(graph.nodes)))
    order = graph.needed([target])
    position = {node_id: n for n, node_id in enumerate(order)}
    assert len(position) == len(order)
    assert order[-1] == target
    for node_id in order:
        for _, link in graph.nodes[node_id].links():
            assert position[link.node] < position[node_id]
    fed = {link.node for i in order for _, link in graph.nodes[i].links()}
    assert set(order) == fed | {target}


@given(dags())
def test_a_dag_has_no_cycle(graph: Graph) -> None:
    assert graph.cycle(graph.nodes) == ()


@given(dags(), st.data())
def test_a_back_link_makes_a_cycle_that_is_really_there(graph: Graph, data: st.DataObject) -> None:
    last = max(graph.nodes, key=int)
    start = data.draw(st.sampled_from(graph.needed([last])))
    looped = graph_of(
        {
            i: [*(link.node for _, link in n.links()), *([last] if i == start else [])]
            for i, n in graph.nodes.items()
        }
    )
    loop = looped.cycle([last])
    assert loop
    for here, following in zip(loop, (*loop[1:], loop[0]), strict=True):
        assert here in {link.node for _, link in looped.nodes[following].links()}


def test_a_node_that_feeds_itself_is_a_cycle() -> None:
    assert graph_of({"a": ["a"]}).cycle(["a"]) == ("a",)


def test_links_to_absent_nodes_are_passed_over() -> None:
    graph = graph_of({"a": ["ghost"]})
    assert graph.needed(["a", "ghost"]) == ["a"]
    assert graph.cycle(["a"]) == ()


def test_a_hundred_thousand_nodes_in_a_chain() -> None:
    graph = graph_of({str(n): [str(n - 1)] if n else [] for n in range(100_000)})
    assert len(graph.needed(["99999"])) == 100_000
    assert graph.cycle(["99999"]) == ()

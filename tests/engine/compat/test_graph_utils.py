"""Packs build small graphs: ids that are new and the same each time, links that can be changed."""

from engine.compat.comfy_execution.graph_utils import GraphBuilder, add_graph_prefix, is_link
from engine.compat.comfy_execution.utils import get_executing_context
from engine.compat.context import executing
from tests.engine.compat.toys import Alone


def built() -> GraphBuilder:
    graph = GraphBuilder("p.")
    first = graph.node("A", value=1)
    graph.node("B", "named", value=first.out(0), other=first.out(1))
    return graph


def test_ids_begin_with_the_prefix() -> None:
    assert built().finalize() == {
        "p.1": {"class_type": "A", "inputs": {"value": 1}},
        "p.named": {"class_type": "B", "inputs": {"value": ["p.1", 0], "other": ["p.1", 1]}},
    }


def test_the_prefix_is_the_call_and_the_number_of_the_graph() -> None:
    run = Alone({}, node_id="7", list_index=2)
    with executing(run):
        assert [GraphBuilder().prefix for _ in range(2)] == ["7.2.0.", "7.2.1."]
    with executing(run):
        assert GraphBuilder().prefix == "7.2.0."
    assert GraphBuilder().prefix == ""


def test_the_executing_context_is_known_inside_a_call_only() -> None:
    with executing(Alone({}, node_id="7", prompt_id="p", list_index=2)):
        assert get_executing_context() == ("p", "7", 2)
    assert get_executing_context() is None


def test_a_node_is_found_by_its_name_and_its_full_id() -> None:
    graph = built()
    assert graph.lookup_node("named") is graph.lookup_node("p.named")
    assert graph.lookup_node("nope") is None
    assert graph.node("B", "named") is graph.lookup_node("named")


def test_inputs_can_be_changed_and_taken_away() -> None:
    graph = built()
    node = graph.node("A", "more", value=1)
    node.set_input("value", 2)
    assert node.get_input("value") == 2
    node.set_input("value", None)
    assert node.get_input("value") is None
    node.set_override_display_id("9")
    assert node.serialize() == {"class_type": "A", "inputs": {}, "override_display_id": "9"}


def test_an_output_can_be_replaced_or_unlinked() -> None:
    graph = built()
    graph.replace_node_output("1", 0, 5)
    graph.replace_node_output("1", 1, None)
    assert graph.finalize()["p.named"]["inputs"] == {"value": 5}


def test_a_node_can_be_removed() -> None:
    graph = built()
    graph.remove_node("named")
    assert list(graph.finalize()) == ["p.1"]


def test_a_prefix_is_put_before_every_id_inside() -> None:
    graph, outputs = add_graph_prefix(
        {"a": {"class_type": "A", "inputs": {"x": ["b", 0], "y": ["outside", 0], "z": 1}}, "b": {}},
        (["a", 0], 3),
        "q.",
    )
    assert graph["q.a"]["inputs"] == {"x": ["q.b", 0], "y": ["outside", 0], "z": 1}
    assert list(graph) == ["q.a", "q.b"]
    assert outputs == (["q.a", 0], 3)


def test_a_link_is_a_list_of_an_id_and_a_slot() -> None:
    assert is_link(["1", 0])
    assert not is_link(("1", 0))
    assert not is_link(["1", "0"])

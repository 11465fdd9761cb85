"""Keys say what a result depends on: content, not ids; and nothing that does not matter."""

import os
import time
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.files.folders import Folders
from engine.files.stamps import Stamps
from engine.formats.api import read_prompt
from engine.graph.graph import Graph, Node
from engine.graph.keys import Keys, Stamp
from engine.graph.registry import Registry
from tests.engine.graph import toys

CATALOGUE = Registry.of_modules([toys]).catalogue


def toy(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def stamp_in(base: Path) -> Stamp:
    stamps, folders = Stamps(), Folders(base)
    return lambda kind, name: stamps.of(folders.find(kind, name))


def keys_of(prompt: dict[str, Any], base: Path = Path("/nowhere")) -> Keys:
    graph = read_prompt(prompt)
    found = Keys()
    found.add([graph.nodes[i] for i in graph.needed(prompt)], CATALOGUE, stamp_in(base))
    return found


def two_sided(**changes: Any) -> Keys:
    inputs = {"left": ["a", 0], "right": ["b", 0], "by_left": 1.0, "by_right": 1.0}
    return keys_of(
        {
            "a": toy("ToyConstant", value=1.0),
            "b": toy("ToyConstant", value=2.0),
            "t": toy("ToyTwoSided", **inputs | changes),
        }
    )


def test_ids_and_order_do_not_matter() -> None:
    one = keys_of({"1": toy("ToyConstant", value=1.0), "2": toy("ToyShow", value=["1", 0])})
    two = keys_of({"z": toy("ToyShow", value=["y", 0]), "y": toy("ToyConstant", value=1.0)})
    assert one.nodes["2"] == two.nodes["z"]


def test_a_constant_matters_to_all_that_follows() -> None:
    one = keys_of({"1": toy("ToyConstant", value=1.0), "2": toy("ToyShow", value=["1", 0])})
    two = keys_of({"1": toy("ToyConstant", value=1.5), "2": toy("ToyShow", value=["1", 0])})
    assert one.nodes["1"] != two.nodes["1"]
    assert one.nodes["2"] != two.nodes["2"]


def test_which_input_a_link_feeds_matters() -> None:
    sources = {"1": toy("ToyConstant", value=1.0), "2": toy("ToyConstant", value=2.0)}
    one = keys_of(sources | {"3": toy("ToyAdd", a=["1", 0], b=["2", 0])})
    two = keys_of(sources | {"3": toy("ToyAdd", a=["2", 0], b=["1", 0])})
    assert one.nodes["3"] != two.nodes["3"]


def test_undeclared_inputs_do_not_matter() -> None:
    one = keys_of({"1": toy("ToyConstant", value=1.0)})
    two = keys_of({"1": toy("ToyConstant", value=1.0, extra=5)})
    assert one.nodes == two.nodes


def test_an_output_ignores_inputs_it_does_not_depend_on() -> None:
    one, two = two_sided(), two_sided(by_left=2.0)
    assert one.slots["t"][0] != two.slots["t"][0]
    assert one.slots["t"][1] == two.slots["t"][1]
    assert one.nodes["t"] != two.nodes["t"]


def test_a_zero_switch_passes_the_input_through() -> None:
    found = two_sided(by_left=0.0)
    assert found.slots["t"][0] == found.slots["a"][0]
    assert found.slots["t"][1] != found.slots["b"][0]


def test_a_replaced_file_is_another_file(tmp_path: Path) -> None:
    file = tmp_path / "models" / "loras" / "a.safetensors"
    file.parent.mkdir(parents=True)
    file.write_text("one")
    prompt = {"1": toy("ToyFile", name="a.safetensors")}
    before = keys_of(prompt, tmp_path)
    assert keys_of(prompt, tmp_path).nodes == before.nodes
    file.write_text("two")
    os.utime(file, ns=(time.time_ns(), time.time_ns() + 10**9))
    assert keys_of(prompt, tmp_path).nodes != before.nodes


@given(st.integers(0, 2**32))
def test_renaming_every_node_changes_no_key(seed: int) -> None:
    def prompt(prefix: str) -> dict[str, Any]:
        nodes = {f"{prefix}0": toy("ToyConstant", value=float(seed % 7))}
        for n in range(1, 12):
            a, b = (seed >> n) % n, (seed >> 2 * n) % n
            nodes[f"{prefix}{n}"] = toy("ToyAdd", a=[f"{prefix}{a}", 0], b=[f"{prefix}{b}", 0])
        return nodes

    one, two = keys_of(prompt("a")), keys_of(prompt("other"))
    assert list(one.nodes.values()) == [two.nodes["other" + i[1:]] for i in one.nodes]


def add_up(constants: list[float], links: list[int]) -> dict[str, Any]:
    """Constants, and behind each of them a sum of it and of one of the nodes before."""
    prompt: dict[str, Any] = {}
    for n, (value, link) in enumerate(zip(constants, links, strict=True)):
        prompt[f"c{n}"] = toy("ToyConstant", value=value)
        before = f"s{link % n}" if n else "c0"
        prompt[f"s{n}"] = toy("ToyAdd", a=[before, 0], b=[f"c{n}", 0])
    return prompt


graphs = st.lists(st.tuples(st.sampled_from([1.0, 2.0]), st.integers(0, 4)), min_size=1, max_size=5)


@given(st.lists(graphs, min_size=2, max_size=4))
def test_keys_taken_over_from_an_earlier_graph_are_those_of_the_graph_alone(
    history: list[list[tuple[float, int]]],
) -> None:
    nodes: dict[str, Node] = {}
    before: Keys | None = None
    for items in history:
        prompt = add_up([value for value, _ in items], [link for _, link in items])
        fresh = read_prompt(prompt)
        # What did not change is the same object, as it is for the engine.
        nodes |= {i: node for i, node in fresh.nodes.items() if nodes.get(i) != node}
        graph = Graph({i: nodes[i] for i in fresh.nodes})
        keys, alone = Keys(), Keys()
        order = [graph.nodes[i] for i in graph.needed(prompt)]
        keys.add(order, CATALOGUE, stamp_in(Path("/nowhere")), before=before)
        alone.add(order, CATALOGUE, stamp_in(Path("/nowhere")))
        assert (keys.nodes, keys.slots, keys.parts) == (alone.nodes, alone.slots, alone.parts)
        before = keys

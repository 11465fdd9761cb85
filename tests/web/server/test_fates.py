"""What became of each node, in words: from a prompt, its ledger and its messages."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.server.fates import fates_of
from web.server.reasons import reason

CHANGED = {"why": "changed", "changes": [{"input": "strength", "from": "0.8", "to": "1.0"}]}


def node(class_type: str, title: str = "", **inputs: Any) -> dict[str, Any]:
    made = {"class_type": class_type, "inputs": inputs}
    return {**made, "_meta": {"title": title}} if title else made


def record(**more: Any) -> dict[str, Any]:
    return {"class_type": "A", "start": 0.0, "seconds": 0.5, "bytes": 8, "why": "new", **more}


# load -> lora -> draw -> save, and one that nothing needs
PROMPT = {
    "1": node("Load"),
    "2": node("Lora", "Load LoRA", model=["1", 0], strength=1.0),
    "3": node("Draw", model=["2", 0]),
    "4": node("Save", images=["3", 0]),
    "5": node("Note"),
}


def texts(
    ledger: dict[str, Any], messages: Any = (), prompt: Any = None, outputs: Any = ("4",)
) -> dict[str, str]:
    nodes, _ = fates_of(PROMPT if prompt is None else prompt, outputs, ledger, messages)
    return {node_id: account["text"] for node_id, account in nodes.items()}


def because(*changes: dict[str, str]) -> str:
    return reason({"why": "changed", "changes": changes}, lambda name: f"'{name.upper()}'")


def test_a_changed_number_is_said_from_what_to_what():
    upstream = {"why": "upstream", "changes": [{"input": "model"}]}
    ledger = {"nodes": {"2": record(**CHANGED), "3": record(**upstream)}, "cached": ["1"]}
    said = texts(ledger)
    assert said["1"] == "taken from the cache"
    assert said["2"] == "ran because strength changed from 0.8 to 1.0"
    assert said["3"] == "ran because the result of 'Load LoRA' is another one"


def test_the_first_run_and_a_dropped_result_are_told_apart():
    ledger = {"nodes": {"3": record(), "4": record(why="evicted", changes=[])}, "cached": ["2"]}
    said = texts(ledger)
    assert said["3"] == "ran: first time"
    assert said["4"] == "ran again: the cache did not have its result any more"


def test_a_class_that_says_itself_when_it_changes_is_named_so():
    ledger = {"nodes": {"3": record(why="says so", changes=[])}}
    assert texts(ledger)["3"] == "ran: its class decides for itself when it has changed"


def test_nodes_of_one_title_are_told_apart_by_their_ids():
    prompt = {**PROMPT, "2": node("Lora", "Load"), "1": node("Load", "Load")}
    prompt["3"] = node("Draw", model=["2", 0])
    ledger = {"nodes": {"3": record(why="upstream", changes=[{"input": "model"}])}}
    said = texts(ledger, prompt=prompt)
    assert said["3"] == "ran because the result of 'Load' (node 2) is another one"


@pytest.mark.parametrize(
    ("before", "now", "sentence"),
    [
        ("20", "30", "steps changed from 20 to 30"),
        ('"euler"', '"dpmpp_2m"', "steps changed from 'euler' to 'dpmpp_2m'"),
        ("nothing", "5", "steps changed from nothing to 5"),
        ("a link", "true", "steps changed from a link to true"),
        ('"a.safetensors"1f', '"a.safetensors"2e', "the file of steps, 'a.safetensors', changed"),
        ('"a.safetensors"1f', '"b.safetensors"2e', "steps changed from 'a.safetensors' to 'b.safe"),
        ('"two\\nlines"', '"one"', "steps changed from 'two lines' to 'one'"),
        ('"' + "x" * 118 + "...", '"one"', f"steps changed from '{'x' * 57}...' to 'one'"),
    ],
)
def test_values_are_shown_as_people_write_them(before: str, now: str, sentence: str):
    said = because({"input": "steps", "from": before, "to": now})
    assert said.startswith(f" because {sentence}")


def test_many_changes_are_counted_and_not_listed():
    said = because(*({"input": f"i{n}", "from": "1", "to": "2"} for n in range(5)))
    assert said.endswith("i1 changed from 1 to 2, i2 changed from 1 to 2 and 2 more inputs changed")


def test_of_a_result_and_a_constant_the_constant_is_named_first():
    said = because({"input": "model"}, {"input": "seed", "from": "1", "to": "2"})
    assert said == " because seed changed from 1 to 2 and the result of 'MODEL' is another one"


def test_nodes_above_a_cached_one_and_beside_the_outputs_were_not_needed():
    said = texts({"nodes": {"4": record()}, "cached": ["3"]})
    assert said["1"] == said["2"] == "not needed: what it leads to was taken from the cache"
    assert said["5"] == "not needed: no output that was asked for depends on it"


def test_what_was_cached_at_the_start_is_cached_although_nothing_took_it():
    told = [["execution_cached", {"nodes": ["1", "2", "3"]}]]
    nodes, _ = fates_of(PROMPT, ["4"], {"nodes": {"4": record()}, "cached": ["3"]}, told)
    assert [nodes[i]["status"] for i in "123"] == ["cached"] * 3


def test_an_equal_node_is_said_to_share_its_result():
    prompt = {**PROMPT, "6": node("Save", images=["3", 0])}
    ran = {i: record() for i in "1234"}
    said = texts({"nodes": ran, "shared": ["6"]}, prompt=prompt, outputs=["4", "6"])
    assert said["6"] == "taken from an equal node, which ran at the same time"


def test_a_lazy_input_that_nobody_asked_for_names_who_did_not():
    prompt = {
        "1": node("Heavy"),
        "2": node("Heavier", value=["1", 0]),
        "3": node("Switch", "Pick", on_true=["2", 0]),
    }
    said = texts({"nodes": {"3": record()}}, prompt=prompt, outputs=["3"])
    assert said["2"] == said["1"] == "not needed: 'Pick' did not ask for it"


def test_a_failure_names_itself_to_all_that_waited_for_it():
    failed = {"node_id": "2", "exception_message": "The file\nis damaged."}
    messages = [["execution_error", failed]]
    nodes, _ = fates_of(PROMPT, ["4"], {"nodes": {"1": record()}}, messages)
    assert (nodes["2"]["status"], nodes["2"]["text"]) == ("failed", "failed: The file is damaged.")
    assert {nodes[i]["status"] for i in "34"} == {"not reached"}
    assert nodes["4"]["text"] == "not reached: 'Load LoRA' failed before it"


def test_a_node_that_was_blocked_has_run():
    messages = [["execution_error", {"node_id": "3", "exception_message": "Execution Blocked: x"}]]
    nodes, _ = fates_of(PROMPT, ["4"], {"nodes": {i: record() for i in "1234"}}, messages)
    assert nodes["3"]["status"] == "ran"


def test_a_run_that_was_stopped_or_lost_reached_nothing_more():
    said = texts({"nodes": {"1": record()}})
    assert said["2"] == said["4"] == "not reached: the run ended before its turn"
    assert texts({})["1"] == "not reached: the run ended before its turn"


def test_figures_are_those_of_the_ledger():
    nodes, _ = fates_of(PROMPT, ["4"], {"nodes": {"3": record(peak_bytes=99)}}, [])
    shown = {k: nodes["3"][k] for k in ("seconds", "bytes", "peak_bytes", "start")}
    assert shown == {"seconds": 0.5, "bytes": 8, "peak_bytes": 99, "start": 0.0}
    assert nodes["1"]["seconds"] is None


def test_nodes_that_others_put_in_their_place_are_listed_apart():
    nodes, added = fates_of(PROMPT, ["4"], {"nodes": {"3.0.1": record()}}, [])
    assert "3.0.1" not in nodes
    assert added["3.0.1"]["status"] == "ran"


@given(st.integers(1, 12), st.data())
def test_every_node_has_exactly_one_fate(count: int, data: st.DataObject):
    """Whatever the graph, and whatever of it has records."""
    ids = [str(n) for n in range(count)]
    prompt = {
        i: node("T", **{f"in{s}": [s, 0] for s in data.draw(st.sets(st.sampled_from(ids[:n])))})
        if n
        else node("T")
        for n, i in enumerate(ids)
    }
    some = st.sets(st.sampled_from(ids))
    ledger = {
        "nodes": {i: record() for i in data.draw(some)},
        "cached": list(data.draw(some)),
        "shared": list(data.draw(some)),
    }
    failed = [["execution_error", {"node_id": i}] for i in data.draw(some)]
    nodes, _ = fates_of(prompt, list(data.draw(some)), ledger, failed)
    statuses = {"ran", "cached", "failed", "not needed", "not reached"}
    assert list(nodes) == ids
    assert all(account["status"] in statuses and account["text"] for account in nodes.values())
    for i in ledger["nodes"]:
        assert nodes[i]["status"] == "ran"


def test_a_chain_of_any_length_is_accounted_for():
    count = 100_000
    prompt = {"0": node("T")} | {str(n): node("T", a=[str(n - 1), 0]) for n in range(1, count)}
    nodes, _ = fates_of(prompt, [str(count - 1)], {"cached": [str(count - 1)]}, [])
    assert len(nodes) == count
    assert nodes["0"]["text"] == "not needed: what it leads to was taken from the cache"

"""What is remembered of large prompts: the same answers, from the same objects."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.files.folders import Folders
from engine.formats.api import Read, write_prompt
from engine.formats.reread import read_object
from engine.graph.catalogue import Catalogue
from engine.graph.spec import InputSpec, NodeSpec
from engine.graph.validation import validate
from engine.queue.body import Body
from web.server.recall import SMALL, Before, Recall

SPECS = [NodeSpec("Toy", "Toy", "test", inputs=(InputSpec("value", "INT"),), is_output=True)]
CATALOGUE = Catalogue(SPECS)
LARGE = SMALL + 1


def prompt(nodes: int, first: Any = 0, prefix: str = "n") -> dict[str, Any]:
    return {
        f"{prefix}{n}": {"class_type": "Toy", "inputs": {"value": first if n == 0 else n}}
        for n in range(nodes)
    }


def checked(data: dict[str, Any], before: Before | None = None) -> Before:
    """What the server makes of a prompt that was sent in a body."""
    known = None if before is None else before
    text = json.dumps({"prompt": data})
    body, written = read_object(
        text, json.JSONDecoder(), "prompt", None if known is None else known.written
    )
    assert written is not None
    read = Read.of(body["prompt"], None if known is None else known.read)
    validation = validate(
        read.graph, CATALOGUE, Folders(Path()), before=None if known is None else known.checked
    )
    return Before(written, read, validation, CATALOGUE)


def like(recall: Recall, data: dict[str, Any]) -> Before | None:
    return recall.like(json.dumps({"prompt": data}))


def test_of_a_changed_prompt_only_what_is_new_is_read_and_written() -> None:
    recall = Recall()
    old = checked(prompt(LARGE))
    recall.keep(old)
    recall.write(old.checked.graph)
    new = checked(prompt(LARGE, first=5), like(recall, prompt(LARGE, first=5)))
    nodes = new.checked.graph.nodes
    same = [i for i in nodes if nodes[i] is old.checked.graph.nodes[i]]
    assert same == list(nodes)[1:]
    assert recall.write(new.checked.graph) == Body.of(write_prompt(new.checked.graph))


@given(st.lists(st.sampled_from([0, 1, True, 1.0, "1", 2, -1]), min_size=1, max_size=5))
def test_whatever_came_before_a_prompt_is_checked_and_written_as_if_it_were_the_first(
    values: list[Any],
) -> None:
    recall = Recall()
    for value in values:
        data = prompt(LARGE, first=value)
        now = checked(data, like(recall, data))
        alone = checked(data)
        assert now.checked.error == alone.checked.error
        assert now.checked.node_errors == alone.checked.node_errors
        body = recall.write(now.checked.graph)
        assert body == Body.of(write_prompt(alone.checked.graph))
        recall.keep(now)


def test_the_same_prompt_again_is_the_same_objects() -> None:
    recall = Recall()
    old = checked(prompt(LARGE))
    recall.keep(old)
    body = recall.write(old.checked.graph)
    new = checked(prompt(LARGE), like(recall, prompt(LARGE)))
    assert new.written is old.written
    assert new.checked.graph is old.checked.graph
    assert recall.write(new.checked.graph) is body


def test_a_prompt_is_compared_with_the_one_it_shares_nodes_with() -> None:
    recall = Recall()
    first, second = checked(prompt(LARGE)), checked(prompt(LARGE, prefix="m"))
    recall.keep(first)
    recall.keep(second)
    assert like(recall, prompt(LARGE, first=3)) is first
    assert like(recall, prompt(LARGE, prefix="x")) is second


def test_small_and_huge_prompts_are_not_kept_and_old_ones_leave() -> None:
    recall = Recall(nodes=3 * LARGE)
    recall.keep(checked(prompt(SMALL)))
    recall.keep(checked(prompt(3 * LARGE + 1)))
    assert like(recall, prompt(LARGE)) is None
    for prefix in "abcd":
        recall.keep(checked(prompt(LARGE, prefix=prefix)))
    oldest = like(recall, prompt(LARGE, prefix="a"))
    assert oldest is like(recall, prompt(LARGE, prefix="d"))

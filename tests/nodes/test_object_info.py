"""Our nodes look to clients as the reference's do: names, order, types, defaults, ranges."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.graph.catalogue import object_info
from nodes.load import load_registry
from tests.support import vectors

CATALOGUE = load_registry(Path("/nowhere")).catalogue
# Of newer versions than the one whose answer we keep, or our own.
NEWER = {"StartLoop", "EndLoop", "LoopRounds", "LoopRound"}
# Lists of which this version offers a part, always in the reference's order.
GROWING = {("KSampler", "sampler_name"), ("KSampler", "scheduler")}


def reference() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(vectors("object_info.json").read_text())
    return found


def no_files(kind: str) -> tuple[str, ...]:
    return ()


@pytest.mark.vectors
@pytest.mark.parametrize("class_type", [name for name in CATALOGUE if name not in NEWER])
def test_the_node_is_described_as_in_the_reference(class_type: str) -> None:
    ours, theirs = object_info(CATALOGUE[class_type], no_files), reference()[class_type]
    assert ours["input_order"] == theirs["input_order"]
    for section, inputs in theirs["input"].items():
        for name, expected in inputs.items():
            _same_input(class_type, name, ours["input"][section][name], expected)
    for key in ("output", "output_is_list", "output_name", "name", "output_node", "category"):
        assert ours[key] == theirs[key], key
    assert ours["display_name"] == theirs["display_name"]
    assert ours["python_module"] == theirs["python_module"]


def _same_input(class_type: str, name: str, ours: Any, theirs: Any) -> None:
    if isinstance(theirs, str):
        assert ours == theirs
        return
    type_, options = theirs[0], theirs[1] if len(theirs) > 1 else {}
    if (class_type, name) in GROWING:
        assert ours[0] == [choice for choice in type_ if choice in ours[0]]
        assert len(ours[0]) >= 2
    elif isinstance(type_, list):
        # Choices that come from files or need files are not there in an empty installation.
        assert set(ours[0]) <= set(type_)
    else:
        assert ours[0] == type_
    assert ours[1] == options
    assert [type(v) for v in ours[1].values()] == [type(v) for v in options.values()]


def test_the_slice_is_complete() -> None:
    assert {
        "CheckpointLoaderSimple",
        "VAELoader",
        "LoraLoader",
        "LoraLoaderModelOnly",
        "CLIPTextEncode",
        "CLIPSetLastLayer",
        "EmptyLatentImage",
        "KSampler",
        "VAEDecode",
        "VAEEncode",
        "LoadImage",
        "SaveImage",
        "PreviewImage",
    } <= set(CATALOGUE)


def test_other_names_by_which_people_know_nodes() -> None:
    assert CATALOGUE["CheckpointLoader"].class_type == "CheckpointLoaderSimple"
    assert CATALOGUE["CLIPEncode"].class_type == "CLIPTextEncode"


def test_every_node_tells_what_it_does() -> None:
    assert [spec.class_type for spec in CATALOGUE.values() if len(spec.description) < 20] == []

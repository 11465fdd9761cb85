"""Our nodes look to clients as the reference's do: names, order, types, defaults, ranges."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.graph.catalogue import object_info
from nodes.load import load_registry
from tests.support import vectors

CATALOGUE = load_registry(Path("/nowhere")).catalogue
# Of newer versions than the one whose answer we keep, of kinds that it leaves out, or our own.
NEWER = {
    "StartLoop",
    "EndLoop",
    "LoopRounds",
    "LoopRound",
    "TemporalScoreRescaling",
    "OptimalStepsScheduler",
    "ModelSamplingStableCascade",
    "NoiseProfile",
}
NEWER_CHOICES = {"exp_heun_2_x0", "exp_heun_2_x0_sde"}
# What the reference writes of a widget where it says nothing.
SAID_ANYWAY = {"multiselect": False}


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
    # Where there is none, clients show the class.
    assert ours["display_name"] == (theirs["display_name"] or class_type)
    # Both are names for what an installation has without packs.
    assert ours["python_module"] == "nodes"
    assert theirs["python_module"].partition(".")[0] in {"nodes", "comfy_extras"}


def _same_input(class_type: str, name: str, ours: Any, theirs: Any) -> None:
    if isinstance(theirs, str):
        assert ours == theirs
        return
    type_, options = theirs[0], dict(theirs[1]) if len(theirs) > 1 else {}
    if type_ == "COMBO" and "options" in options:
        type_ = options.pop("options")
    options = {key: value for key, value in options.items() if SAID_ANYWAY.get(key) != value}
    if isinstance(type_, list):
        # Choices that come from files or need files are not there in an empty installation.
        known = [choice for choice in ours[0] if choice not in NEWER_CHOICES]
        assert known == [choice for choice in type_ if choice in known]
        assert len(known) == len(type_) or name.endswith(("_name", "image"))
    else:
        assert ours[0] == type_
    assert ours[1] == options
    for key, value in options.items():
        # To clients 0 and 0.0 are one number; a truth is none.
        number = type_ == "FLOAT" and type(value) in {int, float}
        assert type(ours[1][key]) in ({int, float} if number else {type(value)})


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

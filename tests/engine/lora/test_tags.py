"""``<lora:...>`` in prompts."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.lora.errors import LoraError
from engine.lora.tags import LoraTag, find, lora_tags, read_prompt
from tests.support import vectors


def cases() -> list[dict[str, Any]]:
    loaded = json.loads(vectors("lora", "prompt_syntax.json").read_text())
    found: list[dict[str, Any]] = loaded["cases"]
    return found


def test_no_case_is_left_out() -> None:
    assert len(cases()) >= 25


@pytest.mark.vectors
@pytest.mark.parametrize("case", cases(), ids=lambda case: str(case["prompt"]))
def test_a_prompt_is_read_as_the_golden_one(case: dict[str, Any]) -> None:
    prompt = read_prompt(case["prompt"])
    assert prompt.text == case["text"]
    if "networks" in case:
        found = {
            name: [{"positional": list(t.positional), "named": dict(t.named)} for t in tags]
            for name, tags in prompt.tags.items()
        }
        assert found == case["networks"]
    if "error" in case:
        with pytest.raises(LoraError, match="is not a number"):
            lora_tags(prompt)
    else:
        keys = ("name", "te", "unet", "dyn")
        loras = [{key: getattr(tag, key) for key in keys} for tag in lora_tags(prompt)]
        assert loras == case["lora"]


def test_blocks_rules_and_steps_are_read() -> None:
    written = "<lora:a:1:lbw=MIDD:lbwe=IN01-IN04:x=0.5:start=3:stop=10>"
    (tag,) = lora_tags(read_prompt(written))
    assert tag == LoraTag("a", 1, 1, blocks="MIDD", rules="IN01-IN04", x=0.5, start=3, stop=10)
    (tag,) = lora_tags(read_prompt("<lora:a:step=2-8:w=ALL>"))
    assert (tag.start, tag.stop, tag.blocks) == (2, 8, "ALL")


@pytest.mark.parametrize("item", ["step=3", "start=1.5", "dyn=-2", "stop=soon", "te=inf"])
def test_an_item_of_another_form_is_an_error_that_names_the_tag(item: str) -> None:
    with pytest.raises(LoraError, match=f"<lora:a:{item}>"):
        lora_tags(read_prompt(f"<lora:a:{item}>"))


def test_tags_that_nobody_knows_are_told() -> None:
    assert read_prompt("<lora:a:1> <hypernet:b:1> <LORA:c:1> <wat:d>").unknown == ("LORA", "wat")


FILES = ("one.safetensors", "sub/two.safetensors", "x/same.pt", "y/same.pt")


def alias(file: str) -> str | None:
    return {"one.safetensors": "first", "x/same.pt": "twin", "y/same.pt": "twin"}.get(file)


def test_a_file_is_found_by_path_by_name_and_by_alias() -> None:
    for name in ("sub/two", "two"):
        assert find(name, FILES, alias) == "sub/two.safetensors"
    assert find("first", FILES, alias) == "one.safetensors"
    assert find("y/same", FILES, alias) == "y/same.pt"


def test_a_name_that_means_none_or_several_is_an_error() -> None:
    with pytest.raises(LoraError, match="no LoRA 'three'"):
        find("three", FILES, alias)
    for name in ("same", "twin"):
        with pytest.raises(LoraError, match=r"may mean x/same.pt, y/same.pt"):
            find(name, FILES, alias)


@given(st.text())
def test_any_prompt_is_read_and_loses_nothing_but_tags(text: str) -> None:
    prompt = read_prompt(text)
    tags = sum(len(tag.written) for tags in prompt.tags.values() for tag in tags)
    assert len(prompt.text) + tags == len(text)

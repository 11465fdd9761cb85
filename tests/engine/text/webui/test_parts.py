"""AND, comments, tags and styles in the webui dialect."""

import pytest

from engine.lora.tags import lora_tags, read_prompt
from engine.text.slices import joined
from engine.text.webui.comments import comments_replaced, without_comments
from engine.text.webui.styles import Style, read_styles, styled
from engine.text.webui.tags import hypernet_of, read_tags
from engine.text.webui.together import split_and
from tests.engine.text.golden import cases


@pytest.mark.vectors
def test_every_and_is_split_as_the_reference_splits_it() -> None:
    for case in cases("a1111", "multicond", 26):
        text = case["text"]
        found = [[text[slice(*one.at)], one.weight] for one in split_and(text)]
        assert found == case["parts"], case


@pytest.mark.vectors
def test_comments_go_as_in_the_reference() -> None:
    for case in cases("a1111", "comments", 12):
        assert without_comments(case["text"]) == case["stripped"], case


@pytest.mark.vectors
def test_replaced_comments_leave_every_character_its_place() -> None:
    for case in cases("a1111", "comments", 12):
        text, places = comments_replaced(case["text"])
        assert text == case["stripped"]
        assert all(a in (case["text"][at], "\n") for a, at in zip(text, places, strict=True))


@pytest.mark.vectors
def test_tags_are_taken_out_as_in_the_reference() -> None:
    for case in cases("a1111", "extra_networks", 30):
        kept, tags = read_tags(case["text"])
        found: dict[str, list[list[str]]] = {}
        for tag in tags:
            found.setdefault(tag.type, []).append(list(tag.arguments))
            assert case["text"][slice(*tag.at)].startswith(f"<{tag.type}:")
        assert joined(case["text"], kept) == case["prompt"], case
        assert found == case["networks"], case


@pytest.mark.vectors
def test_loras_have_the_strengths_of_the_reference() -> None:
    for case in cases("a1111", "extra_networks", 18, lambda case: "lora" in case):
        found = [
            {"name": one.name, "te": one.te, "unet": one.unet, "dyn": one.dyn}
            for one in lora_tags(read_prompt(case["text"]))
        ]
        assert found == case["lora"], case


@pytest.mark.parametrize(
    ("text", "strength", "told"),
    [("<hypernet:h>", 1.0, ""), ("<hypernet:h:0.5>", 0.5, ""), ("<hypernet:h:x>", 1.0, "'x'")],
)
def test_a_hypernetwork_has_a_name_and_a_strength(text: str, strength: float, told: str) -> None:
    _, (tag,) = read_tags(text)
    found = hypernet_of(tag)
    assert (found.name, found.strength) == ("h", strength)
    assert told in found.problem


def test_styles_are_read_and_put_round_a_prompt() -> None:
    text = 'name,prompt,negative_prompt\nold,"{prompt}, oil on canvas",ugly\n,x,\nshort,blue\n'
    assert read_styles(text) == (
        Style("old", "{prompt}, oil on canvas", "ugly"),
        Style("short", "blue", ""),
    )
    assert styled("a cat", ["{prompt}, oil", "blue"]) == "a cat, oil, blue"
    assert styled("", ["blue"]) == "blue"

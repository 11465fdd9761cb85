"""Templates: what the canvas does with them, and what the server does by a seed."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.text.dynamic import resolve_template
from engine.text.wildcard_files import WildcardFolder
from engine.text.wildcards import MAX_LENGTH, Option, draw, rolls
from tests.engine.text.golden import cases


@pytest.mark.vectors
def test_templates_become_what_the_canvas_makes_of_them() -> None:
    for case in cases("dynamic", "cases", 81, lambda case: "defect" not in case.get("note", "")):
        left = iter(case["rolls"])
        assert resolve_template(case["text"], lambda left=left: next(left)) == case["result"], case
        assert len(case["rolls"]) - len(list(left)) == case["used"], case


@pytest.mark.vectors
def test_a_last_backslash_stays() -> None:
    for case in cases("dynamic", "cases", 1, lambda case: "defect" in case.get("note", "")):
        assert resolve_template(case["text"], lambda: 0.0) == case["text"]


class Lists:
    def __init__(self, **lists: Sequence[str]) -> None:
        self.lists = lists

    def options(self, name: str) -> list[Option]:
        return [Option(text) for text in self.lists.get(name, ())]


COLOURS = Lists(colour=("red", "__shade__ blue"), shade=("dark", "{light|pale}"))


def drawn(template: str, lists: Lists = COLOURS) -> set[str]:
    return {draw(template, seed, lists).text for seed in range(200)}


@pytest.mark.parametrize(
    ("template", "every"),
    [
        ("{a|b}", {"a", "b"}),
        ("{2$$a|b}", {"a, b", "b, a"}),
        ("{1-2$$ and $$a|b}", {"a", "b", "a and b", "b and a"}),
        ("{9$$a|b}", {"a, b", "b, a"}),
        ("{0$$a|b}", {""}),
        ("{0::a|1::b}", {"b"}),
        ("{0::a|0::b}", {"a", "b"}),
        ("{2$$0.5::a|b}", {"a, b", "b, a"}),
        ("__colour__", {"red", "dark blue", "light blue", "pale blue"}),
        (
            "__shade____shade__ x",
            {f"{a}{b} x" for a in ("dark", "light", "pale") for b in ("dark", "light", "pale")},
        ),
        (r"\{a|b\} /* __colour__ */ // x", {"{a|b}  "}),
        ("a __ b __ c", {"a __ b __ c"}),
    ],
)
def test_counts_weights_and_lists(template: str, every: set[str]) -> None:
    assert drawn(template) == every


def test_weights_say_how_often() -> None:
    many = [draw("{3::a|b}", seed, COLOURS).text for seed in range(1000)]
    assert 700 <= many.count("a") <= 800


def test_the_same_seed_draws_the_same() -> None:
    template = "{a|b|c} __colour__ {2$$x|y|z}"
    assert draw(template, 7, COLOURS) == draw(template, 7, COLOURS)
    # Fixed here, as pictures were made with them.
    roll = rolls(7)
    assert [round(roll(), 6) for _ in range(3)] == ROLLS_OF_7


ROLLS_OF_7 = [0.865808, 0.301062, 0.065436]


def test_unknown_lists_stay_and_are_told() -> None:
    found = draw("a __nope__ __nope__", 1, COLOURS)
    assert found.text == "a __nope__ __nope__"
    assert len(found.warnings) == 1
    assert "'nope'" in found.warnings[0]


@pytest.mark.parametrize("lines", [("__a__",), ("__a__ __a__",), ("__a__" * 500,)])
def test_lists_that_lead_to_themselves_end(lines: Sequence[str]) -> None:
    found = draw("__a__", 1, Lists(a=lines))
    assert "without end" in found.warnings[0]
    assert len(found.text) <= 2 * MAX_LENGTH


@given(st.text(alphabet="{}|\\/*$:_12a \n"), st.integers())
def test_any_template_is_drawn(template: str, seed: int) -> None:
    assert isinstance(draw(template, seed, COLOURS).text, str)
    resolve_template(template, lambda: 0.5)


@pytest.fixture
def folder(tmp_path: Path) -> WildcardFolder:
    root = tmp_path / "wildcards"
    (root / "animals").mkdir(parents=True)
    (root / "colour.txt").write_text("red\n\n# not this\n  blue  \n", "utf-8")
    (root / "animals" / "cats.txt").write_text("lynx\n", "utf-8")
    (root / "animals" / "dogs.txt").write_bytes(b"\xef\xbb\xbfwolf\n\xff\n")
    (root / "tree.json").write_text(json.dumps({"a": {"b": ["3::x", "y"], "c": 1}, "d": "z"}))
    (root / "broken.json").write_text("{")
    (tmp_path / "secret.txt").write_text("secret")
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    return WildcardFolder(root)


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("colour", ["red", "blue"]),
        ("animals/cats", ["lynx"]),
        ("cats", ["lynx"]),
        ("animals/*", ["lynx", "wolf", "\ufffd"]),
        ("**/cats", ["lynx"]),
        ("a/b", ["x", "y"]),
        ("d", ["z"]),
        ("link", []),
        ("../secret", []),
        ("nope", []),
    ],
)
def test_lists_are_found_below_their_folder(
    folder: WildcardFolder, name: str, texts: list[str]
) -> None:
    assert [option.text for option in folder.options(name)] == texts


def test_entries_of_json_files_have_weights(folder: WildcardFolder) -> None:
    assert [option.weight for option in folder.options("a/b")] == [3, 1]
    assert folder.names == ("a/b", "animals/cats", "animals/dogs", "colour", "d")

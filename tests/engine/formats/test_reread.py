"""Reading JSON that is like what was read before: the same values as ever, and the same objects."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.formats.reread import Members, read_object

DECODER = json.JSONDecoder()


def read(text: str, before: Members | None = None) -> tuple[dict[str, Any], Members | None]:
    return read_object(text, DECODER, "prompt", before)


def written(value: Any, **style: Any) -> str:
    return json.dumps({"prompt": value, "n": 1}, **style)


def test_a_member_that_is_written_as_before_is_the_same_object() -> None:
    _, before = read(written({"1": {"a": 1}, "2": {"b": [2]}, "3": {"c": 3}}))
    body, _ = read(written({"1": {"a": 1}, "2": {"b": [5]}, "3": {"c": 3}}), before)
    assert before is not None
    same = [key for key, value in body["prompt"].items() if value is before.value[key]]
    assert same == ["1", "3"]
    assert body["prompt"]["2"] == {"b": [5]}


def test_members_that_came_or_went_or_moved_leave_the_others_as_they_are() -> None:
    _, before = read(written({"1": {}, "2": {}, "3": {}, "4": {}}))
    body, _ = read(written({"0": {}, "3": {}, "1": {}, "4": {}, "5": {}}), before)
    assert before is not None
    assert list(body["prompt"]) == ["0", "3", "1", "4", "5"]
    assert all(body["prompt"][key] is before.value[key] for key in "314")


def test_an_object_that_is_written_as_before_is_itself_the_same() -> None:
    _, before = read(written({"1": {"a": 1}, "2": "x"}))
    body, again = read(written({"1": {"a": 1}, "2": "x"}), before)
    assert again is before
    assert before is not None
    assert body["prompt"] is before.value


def test_types_that_compare_equal_are_told_apart() -> None:
    _, before = read(written({"1": {"a": 1}, "2": 1}))
    body, _ = read(written({"1": {"a": True}, "2": 1.0}), before)
    assert [type(body["prompt"]["1"]["a"]), type(body["prompt"]["2"])] == [bool, float]


def test_a_number_that_goes_on_is_another_number() -> None:
    _, before = read('{"prompt": {"1": 1, "2": {}}}')
    assert read('{"prompt": {"1": 12, "2": {}}}', before)[0] == {"prompt": {"1": 12, "2": {}}}


@pytest.mark.parametrize(
    "text",
    [
        '{"prompt": {"2": {}"1": {}}}',
        '{"prompt": {"1": {}, "2": {},}}',
        '{"prompt": {,"1": {}}}',
        '{"prompt": {"1": {}, "2": {}}',
        '{"prompt": {"1": {}, "2": {}}} x',
        '{"prompt": {"1" {}}}',
        "[]",
        "",
    ],
)
def test_what_is_no_json_object_is_an_error_whatever_came_before(text: str) -> None:
    _, before = read('{"prompt": {"1": {}, "2": {}}}')
    with pytest.raises(ValueError):
        read(text, before)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=6,
)
objects = st.dictionaries(st.text(max_size=2), values, max_size=6)
styles = st.sampled_from([{}, {"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": False}])


@given(st.lists(st.tuples(objects, styles), min_size=1, max_size=4))
def test_whatever_came_before_the_value_is_that_of_the_text(
    texts: list[tuple[dict[str, Any], dict[str, Any]]],
) -> None:
    before = None
    for value, style in texts:
        text = written(value, **style)
        body, before = read(text, before)
        assert repr(body) == repr(json.loads(text))


@given(st.text(alphabet='{}[]",:12 ae\\n', max_size=30))
def test_broken_text_is_refused_as_json_refuses_it(inner: str) -> None:
    _, before = read('{"prompt": {"1": {}, "a": [1, 2], "e": "n"}}')
    text = f'{{"prompt": {{{inner}}}}}'
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(ValueError):
            read(text, before)
    else:
        assert repr(read(text, before)[0]) == repr(expected)

"""What the jobs API shows of a job: strictly what its front ends can read."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.queue.cards import JobRow, card_of, workflow_id_of
from engine.queue.jsontext import dumps
from engine.queue.results import Result

ROW = JobRow("a", "completed", 3.0, 100, 200, 300, "flow")
SAVED = {"filename": "x_00001_.png", "subfolder": "", "type": "output"}
PREVIEW = {"filename": "y.png", "subfolder": "s", "type": "temp"}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["images", "text", "animated", "filename", "type", "subfolder", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def card(outputs: Any, **more: Any) -> dict[str, Any]:
    messages = more.pop("messages", ())
    summary = Result.of("success", outputs or {}, {}, messages).summary
    return card_of(replace(ROW, **more), summary)


def test_a_finished_job():
    assert card({"9": {"images": [SAVED, SAVED], "animated": [False]}, "7": {"text": ["hi"]}}) == {
        "id": "a",
        "status": "completed",
        "priority": 3,
        "create_time": 100,
        "execution_start_time": 200,
        "execution_end_time": 300,
        "workflow_id": "flow",
        "outputs_count": 3,
        "previewable_outputs_count": 3,
        "preview_output": {**SAVED, "nodeId": "9", "mediaType": "images"},
    }


def test_what_is_not_known_is_absent():
    found = card(None, state="pending", ended_ms=None, workflow_id=None, started_ms=5)
    assert set(found) == {
        *("id", "status", "priority", "create_time"),
        *("outputs_count", "previewable_outputs_count"),
    }


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ({"1": {"images": [PREVIEW]}, "2": {"images": [SAVED]}}, ("2", "images")),
        ({"1": {"text": ["words"]}, "2": {"images": [PREVIEW]}}, ("2", "images")),
        ({"1": {"audio": [PREVIEW]}, "2": {"gifs": [PREVIEW]}}, ("2", "gifs")),
        ({"1": {"text": ["words"]}, "2": {"text": [SAVED]}}, ("2", "text")),
        ({"1": {"latents": [SAVED]}, "2": {"text": ["words"]}}, ("2", "text")),
    ],
)
def test_the_preview_is_what_says_most(outputs: Any, expected: tuple[str, str]):
    shown = card(outputs)["preview_output"]
    assert (shown["nodeId"], shown["mediaType"]) == expected


def test_a_long_text_is_cut():
    shown = card({"1": {"text": ["x" * 2000]}})["preview_output"]
    assert (len(shown["content"]), shown["truncated"]) == (1024, True)
    assert "truncated" not in card({"1": {"text": ["x" * 1024]}})["preview_output"]


def test_the_error_of_a_failed_job_has_the_fields_that_are_checked():
    data = {"node_id": 3, "exception_message": None, "traceback": "no list", "current_inputs": {}}
    messages = [["execution_start", {}], ["execution_error", data]]
    error = card({}, state="failed", messages=messages)["execution_error"]
    assert error["node_id"] == "3"
    assert error["traceback"] == []
    assert all(isinstance(error[f], str) for f in ("node_type", "exception_message"))
    assert isinstance(error["exception_type"], str)
    assert "execution_error" not in card({}, messages=messages)


@given(st.dictionaries(st.text(max_size=3), ANYTHING, max_size=3))
def test_whatever_nodes_show_the_card_can_be_read(outputs: dict[str, Any]):
    found = json.loads(dumps(card(outputs)))
    assert 0 <= found["previewable_outputs_count"] <= found["outputs_count"]
    shown = found.get("preview_output")
    assert (shown is None) == (found["previewable_outputs_count"] == 0)
    if shown is not None:
        assert isinstance(shown["nodeId"], str)
        assert isinstance(shown["mediaType"], str)
        assert "content" in shown or shown["type"] in ("input", "output", "temp")


@given(ANYTHING)
def test_the_id_of_a_workflow_is_a_text_or_nothing(anything: Any):
    assert workflow_id_of({"extra_pnginfo": anything}) is None
    assert workflow_id_of({"extra_pnginfo": {"workflow": {"id": "w", "x": anything}}}) == "w"

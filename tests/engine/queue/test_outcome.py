"""The frame that brings a result: what went in comes out, and nothing else is believed."""

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.queue.outcome import pack_outcome, result_of
from engine.queue.protocol import Frame, ProtocolError, read
from engine.queue.results import Result

SAVED = {"filename": "ä.png", "subfolder": "", "type": "output"}
LEDGER = {"seconds": 1.0, "nodes": {"1": {"class_type": "Toy", "seconds": 0.5}}, "cached": ["2"]}


def through(result: Result) -> Frame:
    frame = read(io.BytesIO(pack_outcome("job", 2, result)))
    assert frame is not None
    return frame


@given(st.dictionaries(st.text(), st.dictionaries(st.text(), st.lists(st.text()))))
def test_a_result_comes_out_as_it_went_in(outputs: dict[str, Any]) -> None:
    result = Result.of("success", {**outputs, "9": {"images": [SAVED]}}, {"1": {}}, [], LEDGER)
    frame = through(result)
    assert (frame.kind, frame.message["job"], frame.message["attempt"]) == ("outcome", "job", 2)
    found = result_of(frame)
    assert found.summary.preview == {**SAVED, "nodeId": "9", "mediaType": "images"}
    assert found.summary.classes == [["Toy", 1, 0.5, 0, 0]]
    assert (found.summary.cached, found.summary.shown) == (1, result.summary.shown)
    texts = (found.status, found.outputs, found.meta, found.messages, found.ledger)
    assert texts == (
        *(result.status, result.outputs, result.meta, result.messages),
        result.ledger,
    )


@pytest.mark.parametrize(
    "broken",
    [
        {"lengths": [2, 2, 2]},
        {"lengths": [2, 2, 2, 500]},
        {"lengths": [2, 2, 2, 1]},
        {"lengths": ["2", 2, 2, 2]},
        {"lengths": None},
        {"summary": {"other": 1}},
        {"summary": None},
    ],
)
def test_a_frame_of_another_make_is_refused(broken: dict[str, Any]) -> None:
    frame = through(Result.of("success", {}, {}, []))
    with pytest.raises(ProtocolError):
        result_of(Frame({**frame.message, **broken}, frame.blob))

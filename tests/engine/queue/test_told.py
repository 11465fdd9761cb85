"""Events over the pipe: texts and pictures come out as they went in, and noise is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.queue.jsontext import dumps
from engine.queue.protocol import Frame, Pieces, ProtocolError
from engine.queue.told import Told, events_of, pack_events

EVENTS = st.lists(
    st.builds(
        Told,
        st.text(),
        st.dictionaries(st.text(), st.text() | st.integers()).map(dumps),
        st.binary(),
    )
)


@given(st.text(), st.integers(0), EVENTS)
def test_events_come_out_as_they_went_in(job: str, attempt: int, events: list[Told]):
    (frame,) = Pieces().feed(pack_events(job, attempt, events))
    assert frame.kind == "events"
    assert (frame.message["job"], frame.message["attempt"]) == (job, attempt)
    assert events_of(frame) == events


def test_every_character_of_a_node_gets_through():
    told = Told("executed", dumps({"text": "".join(map(chr, range(0x300)))}))
    (frame,) = Pieces().feed(pack_events("j", 1, [told]))
    assert events_of(frame) == [told]


def test_the_data_of_an_event_can_be_read():
    assert Told("executed", dumps({"node": "\u00e4", "n": float("nan")})).data == {
        "node": "\u00e4",
        "n": None,
    }


@pytest.mark.parametrize(
    ("head", "blob"),
    [
        (None, b""),
        ([["executing"]], b"{}"),
        ([["executing", 2, 0, 0]], b"{}"),
        ([["executing", "2", 0]], b"{}"),
        ([["executing", 3, -1]], b"{}"),
        ([["executing", 2.0, 0]], b"{}"),
        ([["executing", 3, 0]], b"{}"),
        ([["executing", 1, 0]], b"{}"),
        ([["executing", 2, 10**30]], b"{}"),
        ([["executing", 2, 0]], b"\xff\xfe"),
        ([["executing", 3, 0]], b"{}\n"),
    ],
)
def test_a_frame_that_is_not_made_so_is_refused(head: object, blob: bytes):
    with pytest.raises(ProtocolError):
        events_of(Frame({"kind": "events", "job": "j", "attempt": 1, "events": head}, blob))

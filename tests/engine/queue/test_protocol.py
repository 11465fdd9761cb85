"""Frames between server and worker."""

import io
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.queue.jsontext import dumps
from engine.queue.protocol import Pieces, ProtocolError, pack, pack_run, read

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.dictionaries(st.text(), VALUES), st.binary()), max_size=4))
def test_frames_come_out_as_they_went_in(frames: list[tuple[dict[str, object], bytes]]):
    stream = io.BytesIO(b"".join(pack(message, blob) for message, blob in frames))
    for message, blob in frames:
        frame = read(stream)
        assert frame is not None
        assert frame.blob == blob
        if not any(v in str(message) for v in ("inf",)):
            assert frame.message == message
    assert read(stream) is None


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_cut_stream_is_an_end_and_no_error(data: st.DataObject):
    whole = pack({"kind": "event", "data": {"a": 1}}, b"picture")
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    assert read(io.BytesIO(cut)) is None


@pytest.mark.parametrize(
    "noise",
    [
        b"\xff\xff\xff\xff\x00\x00\x00\x00",
        b"\x00\x00\x00\x00\xff\xff\xff\xff",
        b"\x00\x00\x00\x05\x00\x00\x00\x00hello",
        b"\x00\x00\x00\x02\x00\x00\x00\x0042",
        b"Warning: something was printed",
    ],
)
def test_noise_is_refused(noise: bytes):
    with pytest.raises(ProtocolError):
        read(io.BytesIO(noise + b" " * 64))
    with pytest.raises(ProtocolError):
        list(Pieces().feed(noise + b" " * 64))


@given(st.lists(st.tuples(st.dictionaries(st.text(), VALUES), st.binary())), st.integers(1, 40))
def test_both_readers_agree(frames: list[tuple[dict[str, object], bytes]], size: int):
    stream = b"".join(pack(message, blob) for message, blob in frames) + pack({"cut": 1})[:-1]
    pieces = Pieces()
    heard = [
        frame
        for begin in range(0, len(stream), size)
        for frame in pieces.feed(stream[begin : begin + size])
    ]
    blocking = io.BytesIO(stream)
    assert heard == [read(blocking) for _ in frames]
    assert read(blocking) is None


def test_what_is_no_json_is_made_json():
    frame = read(io.BytesIO(pack({"a": float("nan"), "b": {1: {2}}})))
    assert frame is not None
    assert frame.message == {"a": None, "b": {"1": "{2}"}}


@given(st.text(), st.integers(0), st.lists(st.text()), st.dictionaries(st.text(), VALUES))
def test_a_job_goes_over_as_it_lies_in_the_store(
    job: str, attempt: int, outputs: list[str], prompt: dict[str, object]
):
    graph = f'"prompt":{dumps(prompt)}'
    frame = read(io.BytesIO(pack_run(job, attempt, dumps(outputs), graph, "{}")))
    assert frame is not None
    assert frame.message == {
        "kind": "run",
        "job": job,
        "attempt": attempt,
        "outputs": outputs,
        "prompt": json.loads(dumps(prompt)),
        "extra": {},
    }
